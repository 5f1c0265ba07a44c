// What a shop built with Relay asks: compiled by relay-compiler, never run.
import { graphql } from "relay-runtime";

export const query = graphql`
  query CatalogueQuery($search: String!) {
    ...Catalogue_products @arguments(search: $search)
  }
`;

export const products = graphql`
  fragment Catalogue_products on Query
  @refetchable(queryName: "CatalogueNextPageQuery")
  @argumentDefinitions(
    search: { type: "String" }
    first: { type: "Int", defaultValue: 5 }
    after: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
  ) {
    products(filter: { search: $search }, first: $first, after: $after, last: $last, before: $before)
      @connection(key: "Catalogue_products", filters: ["filter"]) {
      edges {
        node {
          ...Product_item
        }
      }
    }
  }
`;
