// Logging in: a name for a cookie, which pages never see.

import { post } from './post.mjs';

const $ = (id) => document.getElementById(id);

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await post('login', { name: $('name').value });
    location.reload();
  } catch (error) {
    $('trouble').textContent = error.message;
    $('trouble').hidden = false;
  }
});
