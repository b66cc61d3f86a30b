// Draws the skeletons of the page's data on a canvas, to be turned and played.
(() => {
  "use strict";
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const box = document.getElementById("player");
  const [canvas, button, slider, speed, label] = ["canvas", "button", "input", "select", "output"]
    .map((tag) => box.querySelector(tag));
  const context = canvas.getContext("2d");
  const last = scene.frames.length - 1;
  const view = { yaw: -0.6, pitch: 0.25, zoom: 1 };
  const several = scene.people.length > 1;
  let frame = 0;
  let playing = false;
  let drawn = []; // people x joints of the frame, as [x, y] on the canvas or null

  // Steps of time as they were; a recording of which few frames are here runs ten of them a second.
  const steps = scene.seconds === null ? [] :
    scene.seconds.slice(1).map((time, i) => time - scene.seconds[i]);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)];
  const isLapse = usual > 0.15;
  const wait = (i) => steps.length === 0 ? 0.04 : isLapse ? 0.1 : Math.min(steps[i], 1);

  function viewer() {
    const { clientWidth: width, clientHeight: height } = canvas;
    const [cy, sy] = [Math.cos(view.yaw), Math.sin(view.yaw)];
    const [cp, sp] = [Math.cos(view.pitch), Math.sin(view.pitch)];
    const distance = 2.6 * scene.size;
    const focal = 1.9 * view.zoom * Math.min(0.9 * width, height);
    return ([x, y, z]) => {
      const right = cy * x + sy * y;
      const away = -sy * x + cy * y;
      const height0 = z - scene.middle;
      const depth = distance + cp * away - sp * height0;
      if (depth < 0.05 * distance) return null;
      const up = sp * away + cp * height0;
      return [width / 2 + focal * right / depth, height / 2 - focal * up / depth, depth];
    };
  }

  function line(a, b, colour, width) {
    if (!a || !b) return;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(a[0], a[1]);
    context.lineTo(b[0], b[1]);
    context.stroke();
  }

  function drawFloor(see) {
    const rough = scene.size / 6;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
    const reach = 6 * step;
    for (let at = -reach; at <= reach; at += step) {
      line(see([at, -reach, 0]), see([at, reach, 0]), "#e3e8ed", 1);
      line(see([-reach, at, 0]), see([reach, at, 0]), "#e3e8ed", 1);
    }
    context.fillStyle = "#8a949e";
    const length = step >= 1000 ? `${step / 1000} m` : step >= 10 ? `${step / 10} cm` : `${step} mm`;
    context.fillText(`floor lines every ${length}`, 10, canvas.clientHeight - 10);
  }

  function drawCameras(see) {
    for (const { name, points } of scene.cameras) {
      const [apex, ...corners] = points.map(see);
      corners.forEach((corner, i) => {
        line(apex, corner, "#9aa5b0", 1);
        line(corner, corners[(i + 1) % 4], "#9aa5b0", 1);
      });
      context.fillStyle = "#66727f";
      if (apex) context.fillText(name, apex[0] + 6, apex[1] - 4);
    }
  }

  function drawPerson(joints, person) {
    const colour = (joint) => several ? scene.people[person] : scene.colours[joint];
    const bones = scene.bones.filter(([a, b]) => joints[a] && joints[b])
      .sort(([a, b], [c, d]) => joints[c][2] + joints[d][2] - joints[a][2] - joints[b][2]);
    for (const [a, b] of bones) {
      const sided = scene.colours[a] === scene.colours[b] || scene.colours[a] === "#4a5663" ? b : a;
      line(joints[a], joints[b], colour(sided), 3.5);
    }
    joints.forEach((joint, j) => {
      if (!joint) return;
      context.fillStyle = colour(j);
      context.beginPath();
      context.arc(joint[0], joint[1], 3.4, 0, 2 * Math.PI);
      context.fill();
    });
    const top = joints.filter(Boolean).sort((a, b) => a[1] - b[1])[0];
    if (several && top) context.fillText(`person ${person + 1}`, top[0] + 8, top[1] - 8);
  }

  function draw() {
    const { clientWidth: width, clientHeight: height } = canvas;
    const dense = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.font = "12px system-ui, sans-serif";
    context.lineCap = "round";
    const see = viewer();
    drawFloor(see);
    drawCameras(see);
    drawn = scene.points[frame].map((joints) => joints.map((joint) => joint && see(joint)));
    drawn.forEach(drawPerson);
    const time = scene.seconds === null ? "" : `${scene.seconds[frame].toFixed(2)} s, `;
    label.textContent = `${time}frame ${scene.frames[frame]}`;
    slider.value = frame;
  }

  function go(to) {
    frame = Math.max(0, Math.min(last, Math.round(to)));
    draw();
  }

  const waitMs = (from) => 1000 * wait(Math.min(from, last - 1)) / Number(speed.value);
  let due = 0;
  let timer = 0;
  function tick() {
    const now = performance.now();
    if (now - due > 1000) due = now; // the page was not in view
    let to = frame;
    while (due <= now) {
      to = to < last ? to + 1 : 0;
      due += Math.max(1, waitMs(to));
    }
    if (to !== frame) go(to);
    timer = setTimeout(tick, due - now);
  }

  function play(on) {
    playing = on && last > 0;
    button.textContent = playing ? "Pause" : "Play";
    clearTimeout(timer);
    if (!playing) return;
    due = performance.now() + waitMs(frame);
    timer = setTimeout(tick, waitMs(frame));
  }

  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => { play(false); go(Number(slider.value)); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { play(false); go(frame + step); }
    else if (event.key === " ") play(!playing);
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    view.yaw -= 0.008 * event.movementX;
    view.pitch = Math.max(-1.57, Math.min(1.57, view.pitch + 0.008 * event.movementY));
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return; // the page scrolls
    event.preventDefault();
    view.zoom = Math.max(0.1, Math.min(20, view.zoom * Math.exp(-0.001 * event.deltaY)));
    draw();
  }, { passive: false });
  window.addEventListener("resize", draw);
  window.player = {
    go, play, view, draw,
    get frame() { return frame; },
    get playing() { return playing; },
    get drawn() { return drawn; },
  };
  draw();
})();
