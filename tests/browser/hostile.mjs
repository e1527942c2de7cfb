// A project whose cases, labels, reasons and answers are those of somebody who wants to break the page.
import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

export const MARKUP = "</script><script>alert('owned')</script><img src=x onerror=alert(1)>";
export const TEMPLATE = "{{ 7 * 7 }} {% raw %} ]]> --> <!-- </textarea></pre>";
// What nobody sees, and what is taken out of what models say, but not out of what people name their cases by: letters that turn the direction, a space of no width, a letter of Unicode's tags, a bell.
const UNSEEN = "safe\u202egnp.exe\u202c zero\u200bwidth tag\u{e0041} bell\u0007";
const TEXTS = [
  MARKUP,
  TEMPLATE,
  UNSEEN,
  "Donaudampfschifffahrtsgesellschaft".repeat(12),
  "a line\n".repeat(300),
  "javascript:alert(2) https://tracker.example/pixel.gif <link rel=stylesheet href=https://tracker.example/a.css>",
  "مرحبا <b>بالعالم</b> 你好 👩‍👩‍👧‍👦",
  "constructor __proto__ toString",
];
const IDS = ["</script><b>markup", "template'\"&amp;", "unseen\u202eletters", `long-${"x".repeat(90)}`, "lines", "link", "حالة", "__proto__"];
const LABELS = ["plain", "<img src=x onerror=alert(3)>", `a-label-of-${"many-".repeat(8)}parts`, "العربية", "__proto__"];
const MANY = Array.from({ length: 16 }, (_, n) => `label-number-${n}`);
// More cases than the page shows at once.
const FILLERS = 230;

/** A language model: it says what the number of the case makes of it, and is wrong where `mood` says so. */
async function mouth(mood) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const at = Number(/case-no-(\d+)/.exec(body)?.[1] ?? 0);
    const label = LABELS[(at + (mood.wrong(at) ? 1 : 0)) % LABELS.length];
    const said = { reason: `${MARKUP} ${UNSEEN}`, label, confidence: 0.5 + (at % 10) / 20 };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({
      id: "said", object: "chat.completion", created: 1, model: "mouth",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: JSON.stringify(said) } }],
      usage: { prompt_tokens: 900, completion_tokens: 40, total_tokens: 940 },
    }));
  });
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  return server;
}

const schema = (labels) => JSON.stringify({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Hostile",
  type: "object",
  additionalProperties: false,
  required: ["reason", "label", "confidence"],
  properties: {
    reason: { title: "Reason", description: "Why.", type: "string", maxLength: 600 },
    label: { title: "Label", description: "Which.", type: "string", enum: labels },
    confidence: { title: "Confidence", description: "How sure.", type: "number", minimum: 0, maximum: 1 },
  },
});

const one = (id, label, message, tags = []) => JSON.stringify({
  id,
  event: { source: "forms", type: "lead.form.submitted", body: { type: "lead.form.submitted", data: { message } } },
  expect: { label }, split: "dev", author: "nobody", tags,
}) + "\n";

const rule = (classifier, word, label) =>
  `[[classifier.${classifier}.rule]]\nwhen = "'${word} ' in event.body.data.message"\nlabel = ${JSON.stringify(label)}\nreason = ${JSON.stringify(`it says ${MARKUP}`)}\n`;

function write(folder, port) {
  const put = (path, text) => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  appendFileSync(join(folder, "config/judges.toml"),
    `\n[judge.mouth]\nkind = "openai"\nbase_url = "http://127.0.0.1:${port}/v1"\nallow_private = true\nmodel = "mouth"\napi_key = "none"\n`);
  const suites = [
    ["hostile", LABELS, 'judges = ["rules", "mouth"]\n[gate.baseline]\nnewly_failed_max = 0\n'],
    ["many", MANY, 'judges = ["rules"]\n[gate]\naccuracy_min = 0.99\n'],
  ];
  for (const [name, labels, suite] of suites) {
    put(`schemas/${name}.schema.json`, schema(labels));
    put(`prompts/${name}/system.j2`, `Say which label it is: ${TEMPLATE.replaceAll(/[{}]/g, "")} ${MARKUP}\n`);
    put(`prompts/${name}/event.j2`, "{{ event.body.data.message | untrusted(20000) }}\n");
    put(`evals/${name}/suite.toml`, `classifier = "${name}"\nsplits = ["dev"]\n${suite}`);
    appendFileSync(join(folder, "config/classifiers.toml"),
      `\n[classifier.${name}]\ntext = ""\nladder = [{ judge = "rules" }, { judge = "mouth", confidence_min = 0.55 }]\n`
      + labels.map((label, n) => rule(name, `filler-${n}`, label)).join(""));
  }
  const odd = TEXTS.flatMap((text, n) => [0, 1, 2].map((again) => {
    const at = 3 * n + again;
    return one(again ? `${IDS[n]}-${again}` : IDS[n], LABELS[at % LABELS.length], `${text} case-no-${at}`, ["odd", MARKUP, UNSEEN, TEXTS[6]]);
  }));
  const fillers = Array.from({ length: FILLERS }, (_, n) =>
    one(`filler-${n}`, LABELS[(n % 7 ? n : n + 1) % LABELS.length], `filler-${n % LABELS.length} of no interest, ${n}`));
  put("evals/hostile/cases.jsonl", [...odd, ...fillers].join(""));
  put("evals/many/cases.jsonl", Array.from({ length: 96 }, (_, n) =>
    one(`many-${n}`, MANY[(n % 5 ? n : n + 3) % MANY.length], `filler-${n % MANY.length} of ${n}`)).join(""));
}

/** Makes the project in `folder` and gives the paths of its pages: both suites after a change for the worse, and the change. */
export async function hostile(hookyard, folder) {
  const mood = { wrong: (at) => at % 6 === 0 };
  const server = await mouth(mood);
  const run = (...args) => new Promise((ends) => {
    execFile(hookyard, args, { maxBuffer: 1 << 28, env: { ...process.env, HOOKYARD_DIR: folder } }, (error, out, said) => ends({ code: error?.code ?? 0, out, said }));
  });
  const page = (name) => join(folder, `${name}.html`);
  // Gates that fail, 1, and a change for the worse, 3, are wanted here.
  const measured = async (wanted, ...args) => {
    const ended = await run("eval", ...args);
    if (!wanted.includes(ended.code)) throw new Error(`hookyard eval ${args.join(" ")} ended with ${ended.code}:\n${ended.said}${ended.out.slice(0, 2000)}`);
    return ended.out;
  };
  try {
    const made = await run("init", folder);
    if (made.code !== 0) throw new Error(made.said);
    write(folder, server.address().port);
    const [before, after] = [join(folder, "before.json"), join(folder, "after.json")];
    // There is nothing to hold it against yet, which is a gate that fails.
    writeFileSync(before, await measured([1], "hostile", "--mode", "live", "--bless", "--json"));
    mood.wrong = (at) => at % 3 === 1;
    writeFileSync(after, await measured([1, 3], "hostile", "many", "--mode", "live", "--json", "--html", page("hostile")));
    await measured([0, 3], "hostile", "--compare", `report=${before}`, `report=${after}`, "--html", page("compared"));
  } finally {
    server.close();
  }
  return { suites: page("hostile"), compared: page("compared") };
}
