// graphql-sse: everything as server-sent events, in distinct connections mode.
import { createClient } from "graphql-sse";

export function connect({ url, key }) {
  const client = createClient({ url, headers: { "X-API-Key": key }, retryAttempts: 0 });
  return {
    execute: (query, variables) =>
      new Promise((resolve, reject) => {
        let result;
        client.subscribe(
          { query, variables },
          { next: (value) => (result = value), error: reject, complete: () => resolve(result) },
        );
      }),
    subscribe: (query, variables, { next, error }) =>
      client.subscribe({ query, variables }, { next, error, complete: () => {} }),
    close: () => client.dispose(),
  };
}
