// The page within the page reaches the same node.

document.getElementById('phone').src = `./${location.search}`;
