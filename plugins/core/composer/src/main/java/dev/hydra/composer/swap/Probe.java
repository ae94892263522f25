package dev.hydra.composer.swap;

import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.SitePass;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tries a component out before a running model takes it: one training forward and backward, one
 * forward with a decoding state. Shapes, types, finite values and gradients, causality.
 *
 * <p>The component draws from LibTorch's random generator as in training, if it does: a run whose
 * own components draw from it too goes on with other numbers than without the probe.
 *
 * <p>The two rows of the input are equal up to {@link #CUT}: so causality shows within one forward.
 */
final class Probe {
  private static final int TIME = 80;
  private static final int CUT = 37;

  /** The difference that a position of two rows may have: kernels may round rows differently. */
  private static final double TOLERANCE = 2e-3;

  /** The tolerance where numbers have 16 bits. */
  private static final double COARSE_TOLERANCE = 5e-2;

  private final Model model;
  private final ComponentSlot slot;
  private final ProbeParameters parameters;
  private final Generator generator = torch.make_generator_cpu(1);

  /** Creates the probe of a component in a slot outside the model. */
  Probe(Model model, ComponentSlot slot, ProbeParameters parameters) {
    this.model = model;
    this.slot = slot;
    this.parameters = parameters;
  }

  /**
   * Runs the probe.
   *
   * @throws SwapRefusedException saying what is wrong
   */
  void run() {
    try (PointerScope scope = new PointerScope();
        Grad on = Grad.on()) {
      Tensor x = rows(normal(1, TIME, slot.width()), normal(1, TIME - CUT, slot.width()));
      Tensor input = x.to(model.placement().device(), model.placement().compute());
      input.set_requires_grad(true);
      Tensor tokens = tokens();
      train(input, tokens);
      decode(input.detach(), tokens);
    }
  }

  private void train(Tensor x, Tensor tokens) {
    try (ForwardContext forward = ForwardContext.training()) {
      forward.about(tokens);
      Tensor y = output(x, forward, TIME);
      forward.finish();
      causal(y);
      Tensor loss = Tensors.upcast(y).square().mean();
      for (Map.Entry<String, Tensor> auxiliary : forward.losses().entrySet()) {
        shape(auxiliary.getValue(), "the loss " + auxiliary.getKey());
        finite(auxiliary.getValue(), "the loss " + auxiliary.getKey());
        loss = loss.add(Tensors.upcast(auxiliary.getValue()));
      }
      if (loss.requires_grad()) {
        Backward.run(loss);
        parameters.checkGradients();
        Tensor gradient = x.grad();
        if (gradient.defined()) {
          finite(gradient, "the gradient of the input");
        }
      }
    }
  }

  private void decode(Tensor x, Tensor tokens) {
    long version = x._version();
    try (ModelState state = new ModelState();
        Grad off = Grad.off()) {
      for (int[] part : new int[][] {{0, TIME - 1}, {TIME - 1, TIME}}) {
        try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
          forward.about(Tensors.slice(tokens, 1, part[0], part[1]));
          output(Tensors.slice(x, 1, part[0], part[1]), forward, part[1] - part[0]);
          state.advance(part[1] - part[0]);
        }
      }
    }
    if (x._version() != version) {
      throw new SwapRefusedException(
          slot.path() + ": it changes its input, which others are given too");
    }
  }

  /** Returns the output, checked; of a router its weights, with the experts in order. */
  private Tensor output(Tensor x, ForwardContext forward, int time) {
    if (slot.role() != Role.ROUTER) {
      Tensor y = slot.forward(x, forward);
      shape(y, "the output", x.size(0), time, slot.width());
      if (Tensors.type(y) != Tensors.type(x)) {
        throw new SwapRefusedException(
            slot.path() + ": the output is " + Tensors.type(y) + ", not " + Tensors.type(x));
      }
      finite(y, "the output");
      return y;
    }
    Router router = (Router) slot.handle();
    Routing routing = router.route(x, new SitePass(forward, slot.path())).byToken();
    shape(routing.experts(), "what the router chooses", x.size(0), time, router.topK());
    shape(routing.weights(), "what the router weights", x.size(0), time, router.topK());
    finite(routing.weights(), "a weight of the router");
    for (long expert : Tensors.integers(routing.experts())) {
      if (expert < 0 || expert >= slot.outputs()) {
        throw new SwapRefusedException(
            slot.path() + ": there is no expert " + expert + ", which the router chooses");
      }
    }
    Tensor none = Tensors.zeros(routing.weights(), x.size(0), (long) time, (long) slot.outputs());
    return none.scatter(-1, routing.experts(), routing.weights());
  }

  private void shape(Tensor y, String what, long... expected) {
    if (!Arrays.equals(Tensors.sizes(y), expected)) {
      throw new SwapRefusedException(
          slot.path()
              + ": "
              + what
              + " has shape "
              + Arrays.toString(Tensors.sizes(y))
              + ", not "
              + Arrays.toString(expected));
    }
  }

  private void finite(Tensor y, String what) {
    if (Tensors.any(y.isfinite().logical_not())) {
      throw new SwapRefusedException(slot.path() + ": " + what + " is not finite");
    }
  }

  private void causal(Tensor y) {
    Tensor before = Tensors.upcast(Tensors.slice(y.detach(), 1, 0, CUT));
    Tensor difference = before.select(0, 0).sub(before.select(0, 1)).square();
    double largest = Math.sqrt(Tensors.number(difference.mean(-1L).max()));
    double usual = Math.sqrt(Tensors.number(before.select(0, 0).square().mean()));
    ScalarType compute = model.placement().compute();
    boolean coarse = compute != ScalarType.Float && compute != ScalarType.Double;
    if (largest > (coarse ? COARSE_TOLERANCE : TOLERANCE) * usual) {
      throw new SwapRefusedException(
          slot.path() + ": it is not causal: outputs change when later tokens do");
    }
  }

  /** Makes two rows: the first, and the first with another end. */
  private static Tensor rows(Tensor first, Tensor end) {
    return Tensors.cat(0, first, Tensors.cat(1, Tensors.slice(first, 1, 0, CUT), end));
  }

  private Tensor normal(long... sizes) {
    return torch.randn(
        sizes, new GeneratorOptional(generator), new TensorOptions(ScalarType.Float));
  }

  private Tensor tokens() {
    Tensor all = normal(2, TIME, 1).abs();
    Tensor scaled = Tensors.mul(all, model.spec().vocabSize() / 8.0).to(ScalarType.Long);
    Tensor known = scaled.clamp_max(new Scalar(model.spec().vocabSize() - 1L));
    Tensor first = Tensors.slice(known, 0, 0, 1);
    Tensor end = Tensors.slice(Tensors.slice(known, 0, 1, 2), 1, CUT, TIME);
    return rows(first, end).squeeze(-1).to(model.placement().device(), ScalarType.Long);
  }
}
