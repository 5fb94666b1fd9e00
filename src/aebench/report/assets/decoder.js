// The live decoder: chains of dense layers with int8 weights, decoded on every turn of a slider.
"use strict";
(() => {
  const POINTWISE = {
    linear: () => x => x,
    sigmoid: () => sigmoid,
    tanh: () => Math.tanh,
    relu: () => x => Math.max(x, 0),
    silu: () => x => x * sigmoid(x),
    elu: () => x => (x > 0 ? x : Math.expm1(x)),
    clip: ([low, high]) => x => Math.min(Math.max(x, low), high),
  };
  const SECONDS = 2.5; // of a walk
  const QUIET = 500; // milliseconds without a change before the error is said aloud

  const sigmoid = x => 0.5 + 0.5 * Math.tanh(0.5 * x);

  const bytes = text => {
    const found = atob(text);
    const array = new Uint8Array(found.length);
    for (let i = 0; i < found.length; i++) array[i] = found.charCodeAt(i);
    return array;
  };
  const floats = text => new Float32Array(bytes(text).buffer);

  const unpacked = layer => ({
    inputs: layer.inputs,
    weight: new Int8Array(bytes(layer.weight).buffer),
    scale: floats(layer.scale),
    bias: floats(layer.bias),
    activation: POINTWISE[layer.activation](layer.range),
    values: new Float64Array(layer.outputs),
  });

  const decode = (layers, code) =>
    layers.reduce((x, { inputs, weight, scale, bias, activation, values }) => {
      for (let unit = 0, at = 0; unit < values.length; unit++) {
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += weight[at++] * x[i];
        values[unit] = activation(sum * scale[unit] + bias[unit]);
      }
      return values;
    }, code);

  const start = root => {
    const data = JSON.parse(document.getElementById("decoder-data").textContent);
    const [height, width] = data.shape;
    const pixels = height * width;
    const images = Float32Array.from(bytes(data.images), value => value / 255);
    const image = k => images.subarray(k * pixels, (k + 1) * pixels);

    const draw = (canvas, values) => {
      if (canvas.width !== width || canvas.height !== height) {
        [canvas.width, canvas.height] = [width, height];
      }
      const context = canvas.getContext("2d");
      const drawn = context.createImageData(width, height);
      for (let i = 0; i < pixels; i++) {
        const value = Math.min(Math.max(values[i], 0), 1);
        drawn.data.fill(255 * (data.ink ? 1 - value : value), 4 * i, 4 * i + 3);
        drawn.data[4 * i + 3] = 255;
      }
      context.putImageData(drawn, 0, 0);
    };

    const find = selector => root.querySelector(selector);
    const thumbnails = [...root.querySelectorAll(".decoder-images button")];
    const target = find(".decoder-target");
    const way = find(".decoder-way input");
    const wayText = find(".decoder-way output");
    const status = find("[role=status]");
    const models = [...root.querySelectorAll(".decoder-model")].map((box, m) => {
      const { name, codes, layers } = data.models[m];
      const sliders = [...box.querySelectorAll(".decoder-units input")];
      return {
        name,
        codes: floats(codes),
        layers: layers.map(unpacked),
        sliders,
        outputs: sliders.map(slider => slider.nextElementSibling),
        code: new Float64Array(sliders.length), // as it is shown
        left: new Float64Array(sliders.length), // where a walk begins
        original: box.querySelector(".decoder-original"),
        decoded: box.querySelector(".decoder-decoded"),
        error: box.querySelector(".decoder-error"),
      };
    });
    const codeOf = (model, k) => {
      const size = model.code.length;
      return model.codes.subarray(k * size, (k + 1) * size);
    };

    let picked = 0;
    let frame = 0;
    let pause = 0;

    const say = () => {
      const errors = models.map(model => `${model.name} ${model.error.textContent}`);
      status.textContent = `Squared error against the picked image: ${errors.join(", ")}.`;
    };
    const show = model => {
      const found = decode(model.layers, model.code);
      const wanted = image(picked);
      let error = 0;
      for (let i = 0; i < pixels; i++) error += (found[i] - wanted[i]) ** 2;
      draw(model.decoded, found);
      model.error.textContent = error.toFixed(2);
      model.outputs.forEach((output, unit) => {
        output.textContent = model.code[unit].toFixed(2).replace("-", "\u2212");
      });
      clearTimeout(pause);
      pause = setTimeout(say, QUIET);
    };
    const place = model => {
      model.sliders.forEach((slider, unit) => (slider.value = model.code[unit]));
      show(model);
    };
    const setWay = share => {
      way.value = 100 * share;
      wayText.textContent = `${Math.round(100 * share)}%`;
    };
    const stop = () => cancelAnimationFrame(frame);

    const pick = k => {
      stop();
      picked = k;
      thumbnails.forEach((button, i) => button.setAttribute("aria-pressed", String(i === k)));
      for (const model of models) {
        model.code.set(codeOf(model, k));
        model.left.set(model.code);
        draw(model.original, image(k));
        place(model);
      }
      setWay(0);
      if (Number(target.value) === k) target.value = (k + 1) % thumbnails.length;
    };
    const turn = (model, unit) => {
      stop();
      model.code[unit] = model.sliders[unit].valueAsNumber;
      for (const each of models) each.left.set(each.code);
      setWay(0);
      show(model);
    };
    const goTo = share => {
      const there = Number(target.value);
      for (const model of models) {
        const goal = codeOf(model, there);
        model.code.forEach((_, unit) => {
          model.code[unit] = (1 - share) * model.left[unit] + share * goal[unit];
        });
        place(model);
      }
      setWay(share);
    };
    const walk = () => {
      stop();
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
        pick(Number(target.value));
        return;
      }
      const from = way.valueAsNumber / 100;
      let began;
      const step = now => {
        began ??= now;
        const share = from + (now - began) / 1000 / SECONDS;
        if (share >= 1) {
          pick(Number(target.value));
          return;
        }
        goTo(share);
        frame = requestAnimationFrame(step);
      };
      frame = requestAnimationFrame(step);
    };

    thumbnails.forEach((button, k) => {
      draw(button.firstElementChild, image(k));
      button.addEventListener("click", () => pick(k));
    });
    for (const model of models) {
      model.sliders.forEach((slider, unit) => {
        slider.addEventListener("input", () => turn(model, unit));
      });
    }
    find(".decoder-reset").addEventListener("click", () => pick(picked));
    find(".decoder-walk").addEventListener("click", walk);
    target.addEventListener("change", () => {
      stop();
      for (const model of models) model.left.set(model.code);
      setWay(0);
    });
    way.addEventListener("input", () => {
      stop();
      goTo(way.valueAsNumber / 100);
    });
    pick(0);
    clearTimeout(pause); // nothing to say yet
    root.dataset.ready = "true";
  };

  // Megabytes of weights are unpacked when they are about to be seen.
  const root = document.querySelector(".decoder");
  const watch = new IntersectionObserver(
    entries => {
      if (!entries.some(entry => entry.isIntersecting)) return;
      watch.disconnect();
      start(root);
    },
    { rootMargin: "800px" },
  );
  watch.observe(root);
  addEventListener("beforeprint", () => {
    if (root.dataset.ready) return;
    watch.disconnect();
    start(root);
  });
})();
