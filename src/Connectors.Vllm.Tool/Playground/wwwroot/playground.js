// The page's whole program. What a model writes is only ever put into text nodes; it never becomes markup.
const key = document.querySelector('meta[name=playground-key]').content;
const at = id => document.getElementById(id);
const messages = [];
let images = [];
let running = null;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

async function call(path, body, signal) {
  const response = await fetch(path, {
    method: body ? 'POST' : 'GET',
    headers: { 'X-Playground-Key': key, ...(body ? { 'Content-Type': 'application/json' } : {}) },
    body: body ? JSON.stringify(body) : undefined,
    signal,
  });
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error ?? `${path} answered ${response.status}`);
  }
  return response;
}

function request(extra) {
  const body = { messages: [], use_tools: at('use_tools').checked };
  if (at('system').value.trim()) body.messages.push({ role: 'system', content: at('system').value });
  body.messages.push(...messages, ...extra);
  for (const name of ['temperature', 'top_p', 'max_tokens', 'seed', 'n']) {
    const value = at(name).valueAsNumber;
    if (!Number.isNaN(value) && !(name === 'n' && value === 1)) body[name] = value;
  }
  const schema = at('schema').value.trim();
  if (schema) {
    let parsed;
    try { parsed = JSON.parse(schema); } catch (problem) { throw new Error(`The schema is not JSON: ${problem.message}`); }
    body.response_format = { type: 'json_schema', json_schema: { name: 'answer', schema: parsed } };
  }
  return body;
}

function question() {
  const text = at('question').value;
  return { role: 'user', content: images.length ? [{ type: 'text', text }, ...images.map(url => ({ type: 'image_url', image_url: { url } }))] : text };
}

function showQuestion(message) {
  const shown = element('div', 'message user', typeof message.content === 'string' ? message.content : message.content[0].text);
  for (const part of typeof message.content === 'string' ? [] : message.content.slice(1)) {
    const image = element('img');
    image.src = part.image_url.url;
    image.alt = 'image of the question';
    shown.append(image);
  }
  at('conversation').append(shown);
}

// One message of the answer: folded reasoning, text, tool calls with their results.
class Answer {
  constructor() {
    this.shown = element('div', 'message assistant');
    this.text = '';
    this.calls = new Map();
    at('conversation').append(this.shown);
  }

  part(kind) {
    if (this.kind !== kind) {
      this.kind = kind;
      if (kind === 'reasoning') {
        const folded = element('details');
        folded.append(element('summary', '', 'Reasoning'));
        this.current = element('span');
        folded.append(this.current);
        this.shown.append(folded);
      } else {
        this.current = element('span');
        this.shown.append(this.current);
      }
    }
    return this.current;
  }

  add(content) {
    if (content.reasoning !== undefined) this.part('reasoning').append(content.reasoning);
    if (content.text !== undefined) {
      this.text += content.text;
      this.part('text').append(content.text);
    }
    if (content.call !== undefined) {
      this.kind = null;
      const shown = element('div', 'call', `${content.call}(${content.arguments})`);
      this.calls.set(content.id, { shown, name: content.call, arguments: content.arguments });
      this.shown.append(shown);
    }
  }

  finishCall(id, result) {
    const call = this.calls.get(id);
    call.result = result;
    call.shown.append(` → ${result}`);
  }

  // What the next question's history holds of this answer, its calls and their results included.
  messages() {
    const calls = [...this.calls];
    const said = { role: 'assistant', content: this.text };
    if (calls.length) said.tool_calls = calls.map(([id, call]) => ({ id, type: 'function', function: { name: call.name, arguments: call.arguments } }));
    return [said, ...calls.filter(([, call]) => call.result !== undefined).map(([id, call]) => ({ role: 'tool', tool_call_id: id, content: call.result }))];
  }
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) yield JSON.parse(block.slice('data: '.length));
  }
}

async function ask() {
  const asked = question();
  const body = request([asked]);
  running = new AbortController();
  working(true);
  showQuestion(asked);
  const prompt = showPrompt([asked]);
  at('answer').replaceChildren();
  at('alternatives').textContent = '';
  const answers = new Map();
  const called = new Map();
  let first = 0;
  let last = 0;
  try {
    for await (const event of events(await call('/api/chat', body, running.signal))) {
      if (event.type === 'error') throw new Error(event.text);
      if (event.type !== 'update') continue;
      if (!answers.has(event.message) && event.contents.some(content => content.result === undefined && content.usage === undefined)) answers.set(event.message, new Answer());
      const answer = answers.get(event.message);
      for (const content of event.contents) {
        if (content.usage) showUsage(content.usage, first, last, prompt);
        else if (content.result !== undefined) called.get(content.id)?.finishCall(content.id, content.result);
        else {
          first ||= event.ms;
          last = event.ms;
          answer.add(content);
          if (content.call !== undefined) called.set(content.id, answer);
        }
      }
      if (event.logprobs) showLogprobs(event.logprobs);
      at('conversation').scrollTop = at('conversation').scrollHeight;
    }
    // Of several choices the conversation goes on with the first; with calls there is one answer after the other.
    const turns = [...answers.values()];
    messages.push(asked, ...(called.size ? turns : turns.slice(0, 1)).flatMap(answer => answer.messages()));
    at('question').value = '';
    images = [];
    at('images').replaceChildren();
  } catch (problem) {
    if (problem.name === 'AbortError') at('rate').textContent = 'cancelled';
    else fail(problem);
  } finally {
    running = null;
    working(false);
  }
}

function showUsage(usage, first, last, prompt) {
  const cached = usage.prompt_tokens_details.cached_tokens;
  const rate = last > first && usage.completion_tokens > 1 ? `${Math.round((usage.completion_tokens - 1) / (last - first) * 1000)} tokens/s, ` : '';
  at('rate').textContent = `first token ${Math.round(first)} ms, ${rate}${usage.prompt_tokens} prompt tokens (${cached} cached), ${usage.completion_tokens} output tokens`;
  // An answer may be complete before its prompt is shown.
  prompt.then(() => [...at('tokens').children].forEach((token, index) => token.classList.toggle('cached', index < cached)));
}

async function showPrompt(extra) {
  try {
    const prompt = await (await call('/api/prompt', request(extra))).json();
    at('tokens').replaceChildren(...prompt.tokens.map(token => {
      const shown = element('span', 'token', token.text || `[${token.id}]`);
      shown.classList.toggle('special', token.special);
      shown.classList.toggle('content', token.content);
      shown.title = `id ${token.id}${token.special ? ', special token' : ''}${token.content ? ', message content' : ''}`;
      return shown;
    }));
  } catch (problem) {
    fail(problem);
  }
}

function showLogprobs(tokens) {
  at('answer').append(...tokens.map(token => {
    const shown = element('span', 'token', token.token);
    shown.tabIndex = 0;
    const tell = () => {
      const line = one => `${(100 * Math.exp(one.logprob)).toFixed(1).padStart(5)} %  ${JSON.stringify(one.token)}  (id ${one.id})`;
      at('alternatives').textContent = [line(token), '', ...(token.top ?? []).map(line)].join('\n');
    };
    shown.addEventListener('mouseenter', tell);
    shown.addEventListener('focus', tell);
    return shown;
  }));
}

function working(yes) {
  at('send').disabled = yes;
  at('cancel').disabled = !yes;
  if (yes) at('error').hidden = true;
}

function fail(problem) {
  at('error').textContent = problem.message;
  at('error').hidden = false;
}

async function addImages(files) {
  for (const file of files) {
    if (!file.type.startsWith('image/')) continue;
    const url = await new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => reject(reader.error);
      reader.readAsDataURL(file);
    });
    images.push(url);
    const shown = element('img');
    shown.src = url;
    shown.alt = file.name;
    const remove = element('button', 'image');
    remove.type = 'button';
    remove.title = `Remove ${file.name}`;
    remove.ariaLabel = remove.title;
    remove.addEventListener('click', () => {
      images.splice(images.indexOf(url), 1);
      remove.remove();
    });
    remove.append(shown);
    at('images').append(remove);
  }
}

at('ask').addEventListener('submit', event => {
  event.preventDefault();
  if (!running) ask().catch(fail);
});
at('question').addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at('ask').requestSubmit();
  }
});
at('cancel').addEventListener('click', () => running?.abort());
at('clear').addEventListener('click', () => {
  running?.abort();
  messages.length = 0;
  for (const id of ['conversation', 'tokens', 'answer', 'images']) at(id).replaceChildren();
  at('rate').textContent = '';
});
at('refresh').addEventListener('click', () => {
  try {
    showPrompt(at('question').value ? [question()] : []);
  } catch (problem) {
    fail(problem);
  }
});
document.addEventListener('dragover', event => event.preventDefault());
document.addEventListener('drop', event => {
  event.preventDefault();
  addImages(event.dataTransfer.files).catch(fail);
});

call('/api/model').then(response => response.json()).then(
  model => { at('model').textContent = `${model.model}, ${model.protocol} protocol, ${model.endpoint}`; },
  fail);
