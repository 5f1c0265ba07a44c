// PostGraphile on the gateway's tables, set up to be as quick as it can be.
// `node postgraphile.mjs POOL --port PORT`; POOL is the PoolConfig of `pg` as JSON.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { jsonPgSmartTags } from "postgraphile/utils";

const [pool, , port] = process.argv.slice(2);
const tags = {
  version: 1,
  config: {
    class: { product: { tags: { unique: "sku_key" } } }, // ours is a partial index, not a constraint
    constraint: {
      // two fields of one name, which it warns of
      "stock_change_group.fk_stock_change_group_reverses_id_stock_change_group": { tags: { behavior: "-*" } },
    },
  },
};
const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [jsonPgSmartTags(tags)],
  pgServices: [makePgService({ poolConfig: JSON.parse(pool), schemas: ["public"], pubsub: false })],
  schema: { defaultBehavior: "+connection +list" }, // a product's levels need no edges and cursors
  grafserv: { graphiql: false, watch: false, websockets: false, outputDataAsString: true },
  grafast: { explain: false },
};
const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(port), "127.0.0.1");
