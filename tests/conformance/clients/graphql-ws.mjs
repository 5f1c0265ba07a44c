// graphql-ws: everything over one WebSocket, with the protocol graphql-transport-ws.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

export function socket({ url, key }) {
  return createClient({
    url: url.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { apiKey: key },
    retryAttempts: 0,
  });
}

export function connect(server) {
  const client = socket(server);
  return {
    execute: (query, variables) =>
      new Promise((resolve, reject) => {
        let result;
        client.subscribe(
          { query, variables },
          {
            next: (value) => (result = value),
            error: (error) => (Array.isArray(error) ? resolve({ errors: error }) : reject(error)),
            complete: () => resolve(result),
          },
        );
      }),
    subscribe: (query, variables, { next, error }) =>
      client.subscribe({ query, variables }, { next, error, complete: () => {} }),
    close: () => client.dispose(),
  };
}
