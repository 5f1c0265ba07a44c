// A page to send one operation, for when GraphiQL was not built.
"use strict";

(() => {
  const form = document.getElementById("operation");
  const keyField = document.getElementById("api-key");
  const result = document.getElementById("result");

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    if (keyField.value.trim()) headers["X-API-Key"] = keyField.value.trim();
    try {
      const body = JSON.stringify({ query: document.getElementById("query").value });
      const response = await fetch("graphql", { method: "POST", headers, body });
      result.textContent = JSON.stringify(await response.json(), null, 2);
    } catch (error) {
      result.textContent = `No answer: ${error.message}`;
    }
  });

  if (form.dataset.keyOffered === "true") {
    fetch("console/key", { method: "POST" })
      .then((response) => response.json())
      .then(({ apiKey }) => (keyField.value ||= apiKey ?? ""));
  }
})();
