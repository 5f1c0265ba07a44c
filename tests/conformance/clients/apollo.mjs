// Apollo Client: queries and mutations by HTTP, subscriptions over a WebSocket, as its documentation splits them.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { socket } from "./graphql-ws.mjs";

export function connect(server) {
  const live = socket(server);
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(live),
      new HttpLink({ uri: server.url, headers: { "X-API-Key": server.key } }),
    ),
    defaultOptions: { query: { fetchPolicy: "network-only", errorPolicy: "all" }, mutate: { errorPolicy: "all" } },
  });
  const plain = ({ data, error }) => {
    if (error && !CombinedGraphQLErrors.is(error)) throw error;
    return error ? { data, errors: error.errors } : { data };
  };
  return {
    execute: async (text, variables) => {
      const document = gql(text);
      return plain(
        await (document.definitions[0].operation === "mutation"
          ? client.mutate({ mutation: document, variables })
          : client.query({ query: document, variables })),
      );
    },
    subscribe: (query, variables, { next, error }) => {
      const subscription = client.subscribe({ query: gql(query), variables }).subscribe({
        next: (result) => (result.error ? error(result.error) : next({ data: result.data })),
        error,
      });
      return () => subscription.unsubscribe();
    },
    close: () => {
      client.stop();
      live.dispose();
    },
  };
}
