// What a front end does, by one client: node tour.mjs CLIENT '{"url", "key", "sku", "slug"}'.
//
// Finds a product, adjusts it, follows it from before the adjustment, follows on after another one, asks for a field
// that does not exist. Prints JSON: {found, changed, followed, resumed, refused}. A client that left something open
// would not let the process end.
import { readFile } from "node:fs/promises";

const [name, given] = process.argv.slice(2);
const { sku, slug, ...server } = JSON.parse(given);
const { connect } = await import(`./clients/${name}.mjs`);
const client = connect(server);

const [find, adjust, follow] = await Promise.all(
  ["find", "adjust", "follow"].map((operation) =>
    readFile(new URL(`operations/${operation}.graphql`, import.meta.url), "utf8"),
  ),
);

const ask = async (document, variables) => {
  const { data, errors } = await client.execute(document, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
};
const adjustBy = (by, reference) => ask(adjust, { sku, slug, by, reference });

/** The event of the change with this reference, and of what came before it since `after`. */
const followUntil = (reference, after, meanwhile = async () => {}) =>
  new Promise((resolve, reject) => {
    const events = [];
    const late = setTimeout(() => reject(new Error(`no event of ${reference}: ${JSON.stringify(events)}`)), 10_000);
    const ended = (settle, value) => {
      clearTimeout(late);
      stop();
      settle(value);
    };
    const stop = client.subscribe(
      follow,
      { sku, after },
      {
        next: ({ data, errors }) => {
          if (errors) return ended(reject, new Error(JSON.stringify(errors)));
          const { sequence, change } = data.stockChanged;
          events.push({ sequence, reference: change.group.reference });
          if (change.group.reference === reference) ended(resolve, events);
        },
        error: (error) => ended(reject, error),
      },
    );
    meanwhile().catch((error) => ended(reject, error));
  });

const found = await ask(find, { sku });
const changed = await adjustBy(1, `${name}-1`);
const before = changed.inventoryUpdate.changeGroup.entries[0].sequence - 1;
const followed = await followUntil(`${name}-2`, before, () => adjustBy(1, `${name}-2`));
await adjustBy(1, `${name}-3`);
const resumed = await followUntil(`${name}-3`, followed.at(-1).sequence);
const refused = (await client.execute("{ nothing }", {})).errors;
await client.close();
console.log(JSON.stringify({ found, changed, followed, resumed, refused }));
