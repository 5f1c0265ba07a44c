// What a script does in a shop, by WooCommerce's own client:
// node store.mjs '{"url", "key", "secret", "inQuery", "prefix", "batch", "extra"}'.
//
// Creates by batches, reads all pages, updates one and a batch, finds by SKU, creates and deletes. Prints what it was
// told as JSON.
import client from "@woocommerce/woocommerce-rest-api";

const WooCommerceRestApi = client.default;
const { url, key, secret, inQuery, prefix, batch, extra } = JSON.parse(process.argv[2]);
const store = new WooCommerceRestApi({
  url,
  consumerKey: key,
  consumerSecret: secret,
  version: "wc/v3",
  queryStringAuth: inQuery,
  timeout: 30_000,
});

const range = (from, to) => Array.from({ length: to - from }, (_, n) => from + n);
const sku = (n) => `${prefix}-${String(n).padStart(3, "0")}`;

const create = async (numbers) => {
  const mugs = numbers.map((n) => ({ name: `Mug ${n} Größe/α`, sku: sku(n), regular_price: "12.50", manage_stock: true }));
  return (await store.post("products/batch", { create: mugs })).data.create;
};

const made = [...(await create(range(0, batch))), ...(await create(range(batch, batch + extra)))];
const asked = { per_page: 50, search: "Mug ", orderby: "id", order: "asc" };
let page = await store.get("products", { ...asked, page: 1 });
const pages = [...page.data];
for (let n = 2; n <= Number(page.headers["x-wp-totalpages"]); n += 1) {
  page = await store.get("products", { ...asked, page: n });
  pages.push(...page.data);
}
const one = (await store.put(`products/${made[0].id}`, { stock_quantity: 7, regular_price: "9.99" })).data;
const counts = made.slice(1, batch + 1).map(({ id }, n) => ({ id, stock_quantity: n + 1 }));
const counted = (await store.put("products/batch", { update: counts })).data.update;
const bySku = (await store.get("products", { sku: sku(1) })).data;
const alone = (await store.post("products", { name: "Alone", sku: `${prefix}-x`, type: "simple" })).data;
const trashed = (await store.delete(`products/${alone.id}`, {})).data;
const gone = (await store.delete(`products/${alone.id}`, { force: true })).data;
const missing = await store.get(`products/${alone.id}`).then(
  () => null,
  (error) => error.response.data,
);
const uncounted = made.slice(batch + 1).map(({ id }) => id);
const left = (await store.post("products/batch", { delete: uncounted })).data.delete;

console.log(
  JSON.stringify({
    created: made.map((each) => each.sku),
    read: pages.map((each) => each.sku).filter((each) => each.startsWith(prefix)),
    total: Number(page.headers["x-wp-total"]) - pages.length,
    one: [one.stock_quantity, one.stock_status, one.price],
    counted: counted.map((each) => each.stock_quantity),
    by_sku: bySku.map((each) => each.stock_quantity),
    left: left.map((each) => each.sku),
    deleted: [trashed.id === alone.id, gone.status, missing?.code],
  }),
);
