// What pages share on which components are swapped.

// Lets the form ask: address gives the path of "swap" and of "rollback"; done is told of answers.
function changeAt(address, done = () => {}) {
  async function ask(what, body) {
    $('answer').hidden = false;
    $('answer').textContent = 'asked; it is done between two steps';
    try {
      const answer = await call(address(what), {method: 'POST', body: JSON.stringify(body)});
      const said = await answer.json();
      $('answer').textContent = said.error ? said.error.message || said.error : said.lines.join('\n');
      done();
    } catch (problem) {
      $('answer').textContent = 'not connected: ' + problem.message;
    }
  }
  function swap(tryOnly) {
    const value = id => $(id).value.trim();
    ask('swap', {jar: value('jar'), sites: value('sites'), config: value('config'),
      policy: value('policy'), dry_run: tryOnly});
  }
  $('swap').addEventListener('submit', event => { event.preventDefault(); swap(false); });
  $('try').addEventListener('click', () => swap(true));
  $('rollback').addEventListener('click', () => ask('rollback', {}));
  document.addEventListener('click', event => {
    const site = event.target.closest('button.site');
    if (site) {
      $('sites').value = site.dataset.sites;
      $('change').scrollIntoView();
      $('config').focus();
    }
  });
}

// Says why nothing can be changed, if so.
function changeable(problem) {
  $('fields').disabled = problem !== '';
  $('change-note').textContent = problem;
}

