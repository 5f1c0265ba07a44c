"use strict";

// Where the document is, whatever path the page is below
const root = document.querySelector("#docs");

SwaggerUIBundle({
  url: new URL(root.dataset.url, document.baseURI).href,
  domNode: root,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  filter: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false, // a key stays in this page: nothing stores it
  validatorUrl: null, // nobody else is asked whether the document is valid
  queryConfigEnabled: false,
});
