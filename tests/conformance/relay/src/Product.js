import { graphql } from "relay-runtime";

export const item = graphql`
  fragment Product_item on Product @refetchable(queryName: "ProductRefetchQuery") {
    name
    onHand
    stockLevels {
      onHand
      location {
        name
      }
    }
  }
`;

export const adjust = graphql`
  mutation ProductAdjustMutation($input: InventoryUpdateInput!) {
    inventoryUpdate(input: $input) {
      stockLevel {
        id
        onHand
        product {
          ...Product_item
        }
      }
      userErrors {
        message
      }
    }
  }
`;
