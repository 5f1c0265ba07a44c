// Starts GraphiQL: gives it the schema, the example tabs, a way to send operations, and the documentation beside it.
"use strict";

(() => {
  const { React, ReactDOM, GraphiQL, GraphiQLPluginExplorer, graphqlWs } = window;
  const h = React.createElement;
  const mount = document.getElementById("console");
  const keyField = document.getElementById("api-key");
  const keyNote = document.getElementById("key-note");
  const endpoint = new URL("graphql", document.baseURI);
  const explorer = GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false });
  const DOCS = "Documentation Explorer";
  window.__webpack_nonce__ = mount.dataset.nonce; // for the style that GraphiQL's dialogs add

  // ── The API key: in its field and nowhere else

  const apiKey = () => keyField.value.trim();

  function tellKey(note, invalid = false) {
    keyNote.textContent = note;
    keyField.setAttribute("aria-invalid", String(invalid));
  }

  async function fillInKey() {
    if (mount.dataset.keyOffered !== "true") return;
    const offered = (await (await fetch("console/key", { method: "POST" })).json()).apiKey;
    if (offered && !apiKey()) {
      keyField.value = offered;
      tellKey("The demo's own, filled in");
    }
  }

  keyField.addEventListener("input", () => tellKey(""));

  // ── Sending: queries and mutations by HTTP, subscriptions by WebSocket

  async function send(url, init) {
    const headers = new Headers(init.headers);
    headers.set("Accept", "application/graphql-response+json, application/json;q=0.9");
    if (apiKey() && !headers.has("X-API-Key") && !headers.has("Authorization")) headers.set("X-API-Key", apiKey());
    let response;
    try {
      response = await fetch(url, { ...init, headers });
    } catch {
      return failure("The server cannot be reached.");
    }
    if (response.status === 401) tellKey(apiKey() ? "Not a valid key" : "A key is needed", true);
    return /json/.test(response.headers.get("Content-Type") ?? "")
      ? response
      : failure(`The answer is not one of GraphQL's: HTTP ${response.status} ${response.statusText}`);
  }

  function failure(message) {
    return new Response(JSON.stringify({ errors: [{ message }] }), { headers: { "Content-Type": "application/json" } });
  }

  const live = graphqlWs.createClient({
    url: endpoint.href.replace(/^http/, "ws"),
    connectionParams: () => (apiKey() ? { apiKey: apiKey(), "X-API-Key": apiKey() } : {}),
    shouldRetry: (event) => event.code !== undefined && !refusesKey(event),
    on: { closed: (event) => refusesKey(event) && tellKey(event.reason, true) },
  });
  const refusesKey = (event) => event.code === 4401 || event.code === 4403;
  keyField.addEventListener("change", () => live.terminate()); // what is open goes on, with the new key

  const fetcher = GraphiQL.createFetcher({
    url: endpoint.href,
    fetch: send,
    wsClient: live,
    enableIncrementalDelivery: false,
  });

  // For a moment after a tab was opened GraphiQL still has the operation of the tab before: the text is what counts
  function fetchInStep(params, options) {
    let documentAST;
    try {
      documentAST = GraphiQL.GraphQL.parse(params.query);
    } catch {
      return fetcher(params, options); // for the server to explain
    }
    const names = documentAST.definitions.filter((d) => d.kind === "OperationDefinition").map((d) => d.name?.value);
    const operationName = names.length === 1 ? names[0] : params.operationName;
    return fetcher({ ...params, operationName }, { ...options, documentAST });
  }

  // ── What the browser keeps: tabs and history, but no header, for it may hold a key

  function browserStorage() {
    let kept;
    try {
      kept = window.localStorage;
      kept.length;
    } catch {
      return null; // storage is switched off: GraphiQL does without
    }
    return {
      getItem: (name) => kept.getItem(name),
      setItem(name, value) {
        if (name === "graphiql:headers") return;
        kept.setItem(name, /^graphiql:(tabState|queries|favorites)$/.test(name) ? withoutHeaders(value) : value);
      },
      removeItem: (name) => kept.removeItem(name),
      clear: () => ours().forEach((name) => kept.removeItem(name)),
      get length() {
        return ours().length;
      },
    };

    function ours() {
      return Object.keys(kept).filter((name) => name.startsWith("graphiql:"));
    }
  }

  function withoutHeaders(json) {
    return JSON.stringify(JSON.parse(json), (name, value) => (name === "headers" ? null : value));
  }

  const storage = browserStorage();

  // ── The documentation beside everything else, where there is room for it

  const docs = document.getElementById("docs");
  const docsToggle = document.getElementById("docs-toggle");
  const roomForDocs = window.matchMedia("(min-width: 1200px)");

  function showDocs(shown) {
    docs.hidden = !shown;
    docsToggle.setAttribute("aria-expanded", String(shown));
    storage?.setItem("graphiql:stockgateDocs", shown ? "shown" : "hidden");
  }

  docsToggle.addEventListener("click", () => showDocs(docs.hidden));

  // Lives inside GraphiQL, whose state it needs, and shows up outside of it
  function DocsBeside() {
    const { setVisiblePlugin, visiblePlugin } = GraphiQL.React.usePluginContext();
    const before = React.useRef(null);
    React.useLayoutEffect(() => {
      if (visiblePlugin?.title === DOCS && roomForDocs.matches) {
        showDocs(true);
        setVisiblePlugin(before.current);
      } else {
        before.current = visiblePlugin;
      }
    }, [visiblePlugin]);
    return ReactDOM.createPortal(h(GraphiQL.React.DocExplorer), docs);
  }

  // ── Start

  const root = ReactDOM.createRoot(mount);
  let visits = 0;

  function render(schema, examples) {
    const asked = new URLSearchParams(location.search);
    const linked = asked.get("query") ? { query: asked.get("query"), variables: asked.get("variables") ?? "" } : null;
    const props = {
      key: visits++, // another one starts GraphiQL afresh
      fetcher: fetchInStep,
      schema,
      storage,
      plugins: [explorer],
      defaultTabs: linked ? [linked, ...examples] : examples,
      defaultEditorToolsVisibility: "variables",
      shouldPersistHeaders: false,
      ...linked,
    };
    root.render(h(GraphiQL, props, h(GraphiQL.Logo, null, h(DocsBeside))));
  }

  async function start() {
    const [sdl, examples] = await Promise.all([read("schema.graphql"), read(mount.dataset.tabs), fillInKey()]);
    const schema = GraphiQL.GraphQL.buildSchema(sdl);
    const tabs = JSON.parse(examples);
    if (storage && storage.getItem("graphiql:tabState") === null) {
      storage.setItem("graphiql:visiblePlugin", explorer.title);
      storage.setItem("graphiql:docExplorerFlex", "0.3"); // the explorer's width beside the editors'
    }
    showDocs(storage?.getItem("graphiql:stockgateDocs") !== "hidden");
    document.getElementById("examples").addEventListener("click", () => {
      if (!window.confirm("Close all tabs and open the examples?")) return;
      storage?.removeItem("graphiql:tabState");
      render(schema, tabs);
    });
    render(schema, tabs);
  }

  async function read(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
    return response.text();
  }

  start().catch((error) => {
    mount.textContent = `GraphiQL could not be started. ${error.message}`;
  });
})();
