const parts = ['now', 'plots', 'model', 'components', 'journal', 'tables'];
let stamp = 0;

function show(view) {
  stamp = view.stamp;
  document.title = $('title').textContent = (view.runs.length === 1 ? 'Run ' : 'Runs ') + view.title;
  for (const id of parts) {
    if (id in view.parts) {
      replace($(id), view.parts[id]);
    }
  }
  legend(view.runs);
  choose(view.runs);
}

// What is scrolled stays so, and a button that has the focus keeps it.
function replace(element, html) {
  const scrolled = [...element.querySelectorAll('.wide')].map(each => [each.scrollLeft, each.scrollTop]);
  const sites = document.activeElement?.dataset?.sites;
  const focused = element.contains(document.activeElement) && sites;
  element.innerHTML = html;
  element.querySelectorAll('.wide').forEach((each, i) => {
    [each.scrollLeft, each.scrollTop] = scrolled[i] || [0, 0];
    each.tabIndex = 0; // can be scrolled by keys
  });
  if (focused) {
    element.querySelector('[data-sites="' + CSS.escape(sites) + '"]')?.focus();
  }
}

function legend(runs) {
  $('legend').replaceChildren(...runs.map((run, i) => {
    const name = document.createElement('span');
    const colour = document.createElement('i');
    colour.className = 'c' + i % 8;
    name.append(colour, run.name + (run.training ? ', training' : ''));
    return name;
  }));
}

function choose(runs) {
  const live = runs.map((run, index) => ({...run, index})).filter(run => run.training);
  const options = live.map(run => new Option(run.name, run.index));
  if (options.map(o => o.value).join() !== [...$('run').options].map(o => o.value).join()) {
    $('run').replaceChildren(...options);
  }
  changeable(live.length === 0 ? 'no run is training'
    : key ? '' : 'takes the key: open the address that hydra watch named on standard error');
}

async function follow() {
  for (;;) {
    try {
      const answer = await call('/api/view?since=' + stamp);
      if (answer.status === 401) {
        return askForKey();
      }
      if (!answer.ok) {
        throw new Error((await answer.json()).error);
      }
      show(await answer.json());
      connection('live', false);
    } catch (problem) {
      connection('not connected: ' + problem.message, true);
      await new Promise(done => setTimeout(done, 2000));
    }
    if (document.hidden) {
      await new Promise(done => document.addEventListener('visibilitychange', done, {once: true}));
    }
  }
}

changeAt(what => '/api/runs/' + $('run').value + '/' + what);
whenGiven(follow);
follow();
