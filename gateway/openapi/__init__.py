"""What /openapi.json says: dialects describe themselves with the values of `described`; `document` joins them."""
