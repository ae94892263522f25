const LOOK_EVERY = 250; // milliseconds
const READ_EVERY = 2000;
let models = [];
let messages = [];
let answering = null;
let journal = '';

async function open() {
  try {
    const answer = await call('/v1/models');
    if (answer.status === 401) {
      return askForKey();
    }
    const list = await answer.json();
    if (!answer.ok) {
      throw new Error(list.error.message);
    }
    models = list.data;
    $('model').replaceChildren(...models.map(model => new Option(model.id)));
    connection(models.length === 1 ? 'ready' : models.length + ' models', false);
    choose();
  } catch (problem) {
    connection('not connected: ' + problem.message, true);
  }
}

const chosen = () => models[$('model').selectedIndex];
const chats = () => $('mode').value === 'chat';

function choose() {
  const model = chosen();
  $('mode').value = model.chat_template ? 'chat' : 'text';
  $('mode').options[0].disabled = !model.chat_template;
  begin();
  compose();
  changeable(!model.swappable ? 'needs hydra serve --swap-dir DIR'
    : key ? '' : 'takes the owner\'s key: open the address that hydra serve named on standard error');
  $('changed').hidden = !model.swappable;
  journal = '';
  readJournal();
}

function begin() {
  answering?.abort();
  messages = [];
  $('log').replaceChildren();
  $('kind').textContent = !chosen().tokenizer ? 'the model has no tokenizer: write token ids'
    : chats() ? 'a conversation' : 'the model continues what you write';
}

function paragraph(kind, text) {
  const added = document.createElement('p');
  added.className = kind;
  added.textContent = text;
  $('log').append(added);
  $('log').scrollTop = $('log').scrollHeight;
  return added;
}

function settings() {
  const body = {model: chosen().id, stream: true, stream_options: {include_usage: true}};
  const number = (id, name) => {
    if ($(id).value !== '') {
      body[name] = Number($(id).value);
    }
  };
  number('tokens', 'max_tokens');
  number('temperature', 'temperature');
  number('top-p', 'top_p');
  number('seed', 'seed');
  return body;
}

// What is asked of the server: where, with what, and where its text is in each event.
function request(text) {
  const body = settings();
  if (chats()) {
    const system = $('system').value.trim();
    body.messages = [...(system ? [{role: 'system', content: system}] : []), ...messages];
    return ['/v1/chat/completions', body, choice => choice.delta.content];
  }
  body.prompt = chosen().tokenizer ? text : text.split(/[\s,]+/).filter(id => id).map(Number);
  return ['/v1/completions', body, choice => choice.text];
}

async function* events(answer) {
  const decoder = new TextDecoder();
  let kept = '';
  for await (const bytes of answer.body) {
    const lines = (kept + decoder.decode(bytes, {stream: true})).split('\n');
    kept = lines.pop();
    for (const line of lines) {
      if (line.startsWith('data: ') && line !== 'data: [DONE]') {
        yield JSON.parse(line.slice(6));
      }
    }
  }
}

async function send() {
  const text = $('text').value;
  if (answering || !text.trim()) {
    return;
  }
  paragraph('user', text);
  $('text').value = '';
  messages.push({role: 'user', content: text});
  const [path, body, piece] = request(text);
  const shown = paragraph('model', chats() ? '' : text);
  answering = new AbortController();
  busy(true);
  look();
  let said = '';
  try {
    const begun = performance.now();
    const answer = await call(path,
      {method: 'POST', body: JSON.stringify(body), signal: answering.signal});
    if (!answer.ok) {
      throw new Error((await answer.json()).error.message);
    }
    let first = 0;
    let usage = null;
    for await (const event of events(answer)) {
      if (event.error) {
        throw new Error(event.error.message);
      }
      const part = event.choices.length ? piece(event.choices[0]) || '' : '';
      first = first || (part ? performance.now() : 0);
      said += part;
      shown.append(part);
      usage = event.usage || usage;
      $('log').scrollTop = $('log').scrollHeight;
    }
    if (usage) {
      const seconds = (performance.now() - first) / 1000;
      const speed = usage.completion_tokens > 1 && first
        ? ', ' + Math.round((usage.completion_tokens - 1) / seconds) + ' tokens/s' : '';
      paragraph('speed', usage.completion_tokens + ' tokens, the first after '
        + ((first || performance.now()) - begun).toFixed(0) + ' ms' + speed);
    }
    connection('ready', false);
  } catch (problem) {
    paragraph(problem.name === 'AbortError' ? 'speed' : 'problem',
      problem.name === 'AbortError' ? 'stopped' : problem.message);
  }
  messages.push({role: 'assistant', content: said});
  answering = null;
  busy(false);
}

function busy(is) {
  $('send').disabled = is;
  $('stop').disabled = !is;
}

// Looks at the model for as long as it answers.
async function look() {
  let step = -1;
  while (answering) {
    try {
      const answer = await call('/observations?model=' + encodeURIComponent(chosen().id));
      const seen = await answer.json();
      if (answer.ok && seen.step > 0 && seen.step !== step) {
        step = seen.step;
        show(seen);
      }
    } catch (problem) {
      connection('not connected: ' + problem.message, true);
    }
    await new Promise(done => setTimeout(done, LOOK_EVERY));
  }
}

function show(seen) {
  $('nothing').hidden = true;
  $('seen').hidden = false;
  $('step').textContent = 'step ' + seen.step.toLocaleString('en')
    + (seen.running > 1 ? ', ' + seen.running + ' texts' : '');
  const blocks = new Map();
  for (const [name, values] of Object.entries({...seen.observations, ...seen.largest})) {
    const parts = name.match(/^(.*?\d+)\.(.*)$/) || [name, 'model', name];
    if (!blocks.has(parts[1])) {
      blocks.set(parts[1], []);
    }
    blocks.get(parts[1]).push([parts[2], values]);
  }
  const html = [];
  for (const [block, entries] of blocks) {
    const title = document.createElement('h3');
    title.textContent = block;
    const list = document.createElement('dl');
    entries.forEach(([name, values]) => list.append(element('dt', name), shape(values)));
    html.push(title, list);
  }
  if (html.length === 0) {
    html.push(element('p', 'the components of this model show nothing'));
  }
  const top = $('seen').scrollTop;
  $('seen').replaceChildren(...html);
  $('seen').scrollTop = top;
}

function element(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

// A number is a meter where it is a share; numbers, one for each expert, are cells; of what is
// many, such as the rows of a memory, the largest are written with their shares.
function shape(values) {
  const cell = document.createElement('dd');
  if (!Array.isArray(values)) {
    cell.textContent = Object.entries(values).sort(([, a], [, b]) => b - a)
      .map(([index, value]) => index + ' (' + (100 * value).toFixed(0) + '%)').join(', ');
    return cell;
  }
  if (values.length === 1) {
    const value = values[0];
    if (value >= 0 && value <= 1) {
      const meter = document.createElement('meter');
      meter.value = value;
      cell.append(meter);
    }
    cell.append(Number(value.toPrecision(3)).toString());
    return cell;
  }
  const most = Math.max(...values, 1e-9);
  const cells = document.createElement('div');
  cells.className = 'cells';
  cells.setAttribute('role', 'img');
  cells.setAttribute('aria-label', values.map(value => value.toFixed(2)).join(', '));
  values.forEach((value, i) => {
    const one = document.createElement('i');
    one.style.opacity = Math.max(.06, value / most);
    one.title = i + ': ' + value.toFixed(3);
    cells.append(one);
  });
  cell.append(cells);
  return cell;
}

// What the model is composed of, as it is when the reader opens that part: swaps may change it.
async function compose() {
  if (!$('composed').open) {
    return;
  }
  try {
    const answer = await call('/composition?model=' + encodeURIComponent(chosen().id));
    const model = await answer.json();
    if (!answer.ok) {
      throw new Error(model.error.message);
    }
    const whole = value => value.toLocaleString('en');
    $('composed-sum').textContent = whole(model.parameters) + ' parameters, '
      + whole(model.active_parameters) + ' per token; ' + whole(model.forward_flops_per_token)
      + ' FLOPs per token forward at ' + whole(model.sequence_length) + ' tokens; width '
      + whole(model.width) + ', vocabulary ' + whole(model.vocab_size);
    const rows = model.blocks.flatMap(block => block.paths).flatMap(path =>
      path.components.map((part, i) => [site(part.site), type(part), part.plugin,
        ...(i > 0 ? ['', '', '', ''] : [path.gate, ...[path.parameters, path.active_parameters,
          path.forward_flops_per_token].map(whole)])]));
    rewrite('composed-parts', rows);
  } catch (problem) {
    $('composed-sum').textContent = 'not known: ' + problem.message;
    $('composed-parts').replaceChildren();
  }
}

function site(name) {
  const button = element('button', name);
  button.type = 'button';
  button.className = 'site';
  button.dataset.sites = name;
  return button;
}

// Options of a component itself; what is nested in it has a row of its own.
function type(part) {
  const named = document.createElement('span');
  const options = Object.entries(part.config).filter(([name, value]) =>
    name !== 'type' && (typeof value !== 'object' || Array.isArray(value)));
  named.append(part.type + ' ', element('small', options.map(each => each.join(' ')).sort().join(', ')));
  return named;
}

function rewrite(body, rows) {
  $(body).replaceChildren(...rows.map(cells => {
    const row = document.createElement('tr');
    row.append(...cells.map(cell => {
      const made = document.createElement('td');
      made.append(cell);
      return made;
    }));
    return row;
  }));
}

// What was swapped, by whomever; the model is shown anew when something was.
async function readJournal() {
  const model = chosen();
  if (!model?.swappable || !$('composed').open || document.hidden) {
    return;
  }
  try {
    const answer = await call('/journal?model=' + encodeURIComponent(model.id));
    const text = await answer.text();
    if (answer.ok && text !== journal && model === chosen()) {
      journal = text;
      rewrite('changed-events', JSON.parse(text).events.map(event =>
        [event.event, event.step.toLocaleString('en'), event.what, event.time]));
      compose();
    }
  } catch (problem) {
    connection('not connected: ' + problem.message, true);
  }
}

$('composed').addEventListener('toggle', () => { compose(); readJournal(); });
setInterval(readJournal, READ_EVERY);
changeAt(what => '/' + what + '?model=' + encodeURIComponent(chosen().id), readJournal);
$('write').addEventListener('submit', event => { event.preventDefault(); send(); });
$('stop').addEventListener('click', () => answering?.abort());
$('clear').addEventListener('click', begin);
$('model').addEventListener('change', choose);
$('mode').addEventListener('change', begin);
$('text').addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') {
    answering?.abort();
  }
});
whenGiven(open);
open();
