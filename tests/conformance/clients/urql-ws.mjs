// urql with subscriptions over a WebSocket, by graphql-ws, as its documentation shows.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { socket } from "./graphql-ws.mjs";
import { using } from "./urql.mjs";

export function connect(server) {
  const live = socket(server);
  const client = new Client({
    url: server.url,
    requestPolicy: "network-only",
    fetchOptions: { headers: { "X-API-Key": server.key } },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: live.subscribe({ ...request, query: request.query ?? "" }, sink),
          }),
        }),
      }),
    ],
  });
  return using(client, () => live.dispose());
}
