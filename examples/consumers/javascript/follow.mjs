// Follows deliberations: validates every event against the AsyncAPI document, prints one JSON line for each, and
// goes on where it stopped when it is started again with the same --durable. docs/consumers.md tells the semantics.
//
//   node follow.mjs --deliberation inventory-reserved-1f2e3d4c
//   node follow.mjs --server nats://nats:4222 --seed-file seed --inbox-prefix _INBOX_consumer --durable audit
import { readFileSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { connect, nanos, nkeyAuthenticator } from "@nats-io/transport-node";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { parse } from "yaml";

const STREAM = "FLEET_EVENTS";
const TYPE_PREFIX = "swe_ai_fleet.deliberation.v1.";
const REFERENCE = "fleet_blobs:";
const ACK_WAIT_S = 10; // what a reader that died had taken is delivered again after it

const { values: options } = parseArgs({
  options: {
    server: { type: "string", default: "nats://localhost:4222" },
    deliberation: { type: "string" },
    durable: { type: "string" },
    "from-sequence": { type: "string" },
    token: { type: "string" },
    "seed-file": { type: "string" },
    "inbox-prefix": { type: "string", default: "_INBOX" },
    schemas: { type: "string", default: new URL("../../../schemas/asyncapi.yaml", import.meta.url).pathname },
  },
});

/** One validating function for each event type. */
function validators(path) {
  const document = parse(readFileSync(path, "utf8"));
  const ajv = new Ajv({ allErrors: true, strict: false });
  addFormats(ajv);
  ajv.addSchema(document, "fleet");
  return new Map(
    Object.entries(document.components.messages).map(([type, message]) => [
      type,
      ajv.compile({ $ref: `fleet${message.payload.$ref}` }),
    ]),
  );
}

function credentials() {
  if (options.token) return { token: options.token };
  if (!options["seed-file"]) return {};
  return { authenticator: nkeyAuthenticator(new TextEncoder().encode(readFileSync(options["seed-file"], "utf8").trim())) };
}

/** Where to begin: at a sequence, else with everything that the stream still holds. */
function start() {
  const sequence = options["from-sequence"];
  if (!sequence) return { deliver_policy: DeliverPolicy.All };
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Number(sequence) };
}

/** A durable consumer remembers on the server what was acknowledged; without a name it is one for this run only. */
async function open(connection) {
  const subject = `fleet.v1.event.${options.deliberation ?? "*"}.>`;
  const js = jetstream(connection);
  if (!options.durable) return js.consumers.get(STREAM, { filter_subjects: [subject], ...start() });
  const manager = await jetstreamManager(connection);
  await manager.consumers.add(STREAM, {
    durable_name: options.durable,
    filter_subject: subject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_S * 1000),
    ...start(),
  });
  return js.consumers.get(STREAM, options.durable);
}

/** The data of an event; a large one is fetched from the object store (claim check). */
async function dataOf(event, blobs) {
  if (!event.dataref) return event.data;
  const store = await blobs.open(event.dataref.slice(0, REFERENCE.length - 1));
  return JSON.parse(new TextDecoder().decode(await store.getBlob(event.dataref.slice(REFERENCE.length))));
}

/** What is wrong with an event; null where nothing is. Types of newer fleets are not ours to judge. */
async function problemOf(event, checks, blobs) {
  const check = checks.get(event.type?.slice(TYPE_PREFIX.length));
  if (!event.type?.startsWith(TYPE_PREFIX)) return "not an event of a deliberation";
  if (!check) return null;
  const { dataref, ...whole } = { ...event, data: await dataOf(event, blobs) };
  if (check(event) && check(whole)) return null;
  return check.errors.map((error) => `${error.instancePath} ${error.message}`).join("; ");
}

const checks = validators(options.schemas);
const connection = await connect({
  servers: options.server,
  name: "consumer-javascript",
  inboxPrefix: options["inbox-prefix"],
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  ...credentials(),
});
const blobs = new Objm(connection);
const messages = await (await open(connection)).consume();
process.once("SIGTERM", () => messages.stop());

for await (const message of messages) {
  const event = message.json();
  const problem = await problemOf(event, checks, blobs);
  const line = { sequence: message.seq, delivery: message.info.deliveryCount, id: event.id, type: event.type, problem };
  writeSync(1, `${JSON.stringify(line)}\n`); // first what the event is for, then the acknowledgement
  if (problem) process.exitCode = 1;
  if (options.durable) message.ack();
  if (options.deliberation && event.type === `${TYPE_PREFIX}closed`) break;
}
await connection.drain();
