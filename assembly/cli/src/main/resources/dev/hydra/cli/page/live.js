// What pages share that go on asking their server: the key, and how the connection is.
'use strict';
const $ = id => document.getElementById(id);
let key = sessionStorage.getItem('hydra.key') || '';

// The owner's address has the key behind #, which browsers do not send.
const given = new URLSearchParams(location.hash.slice(1)).get('key');
if (given) {
  key = given;
  sessionStorage.setItem('hydra.key', key);
  history.replaceState(null, '', location.pathname);
}

function call(path, options = {}) {
  const headers = key ? {Authorization: 'Bearer ' + key} : {};
  return fetch(path, {...options, headers});
}

function connection(text, lost) {
  $('connection').textContent = text;
  $('connection').classList.toggle('lost', lost);
}

function askForKey() {
  connection('the key is missing or wrong', true);
  $('ask').hidden = false;
}

// Goes on with what wanted the key.
function whenGiven(goOn) {
  $('ask').addEventListener('submit', event => {
    event.preventDefault();
    key = $('key').value;
    sessionStorage.setItem('hydra.key', key);
    $('ask').hidden = true;
    goOn();
  });
}

