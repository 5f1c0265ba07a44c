"""`stockgate doctor`: whether a deployment is as it should be, and what to mend."""
