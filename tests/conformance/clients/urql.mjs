// urql as a shop would have it: queries and mutations by fetch, subscriptions by fetch too (server-sent events).
import { Client, fetchExchange } from "@urql/core";

export function connect(server) {
  return using(
    new Client({
      url: server.url,
      exchanges: [fetchExchange],
      fetchSubscriptions: true,
      requestPolicy: "network-only",
      fetchOptions: { headers: { "X-API-Key": server.key } },
    }),
  );
}

export function using(client, close = () => {}) {
  const plain = ({ data, error }) => {
    if (error?.networkError) throw error;
    return error ? { data, errors: error.graphQLErrors } : { data };
  };
  return {
    execute: async (query, variables) =>
      plain(
        await (query.trimStart().startsWith("mutation")
          ? client.mutation(query, variables)
          : client.query(query, variables)
        ).toPromise(),
      ),
    subscribe: (query, variables, { next, error }) => {
      const { unsubscribe } = client.subscription(query, variables).subscribe((result) => {
        if (result.error) error(result.error);
        else next({ data: result.data });
      });
      return () => setTimeout(unsubscribe); // within a result, urql 6.0.3 lets the abort of its own fetch escape
    },
    close,
  };
}
