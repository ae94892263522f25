package dev.hydra.tck;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Checks that a device computes, in float32 and in bfloat16, what the CPU computes in float64 of
 * the same numbers: those that parameters and input have in that type.
 *
 * @param subject what is checked
 * @param device where it is computed: a CUDA device
 * @param mode by kernels or without; {@link KernelMode#FUSED} fails where one cannot be compiled
 */
record CudaChecks(Subject subject, Device device, KernelMode mode) {
  private static final List<ScalarType> TYPES = List.of(ScalarType.Float, ScalarType.BFloat16);

  /** Compares outputs and gradients, of whole sequences and of packed documents. */
  void training() {
    inEveryType(
        here -> {
          Objective whole = Objective.of(subject, here.component(), here.type());
          Objective packed = whole.with(Documents.of(subject));
          Function<Copy, List<Tensor>> outputs = copy -> List.of(run(whole.by(copy)));
          compare(here, List.of("the output"), outputs, outputs, 0);
          Function<Copy, List<Tensor>> gradients =
              copy -> gradients(whole.by(copy), packed.by(copy));
          double negligible = Tolerance.of(here.type(), mode).negligible();
          compare(here, names(here.component()), gradients, gradients, negligible);
        });
  }

  /** Compares single tokens after others: of one text, and of several that differ in length. */
  void decoding() {
    inEveryType(
        here -> {
          Tensor x = subject.input(1, here.type());
          compare(
              here,
              List.of("a token after others", "tokens of several texts"),
              copy -> {
                Tensor whole = ForwardChecks.run(copy.component(), copy.of(x));
                return List.of(token(whole, subject.time() - 1L).clone(), steps(whole));
              },
              copy ->
                  List.of(
                      lastToken(copy.component(), copy.of(x)),
                      decoded(copy.component(), copy.of(x))),
              0);
        });
  }

  private void inEveryType(Consumer<Copy> check) {
    for (ScalarType type : TYPES) {
      subject.on(
          device, type, component -> check.accept(new Copy(subject, component, device, type)));
    }
  }

  /**
   * Compares results.
   *
   * @param expected what computes them on the CPU
   * @param found what computes them on the device
   * @param negligible the share of all norms that each counts for at least
   */
  private void compare(
      Copy here,
      List<String> names,
      Function<Copy, List<Tensor>> expected,
      Function<Copy, List<Tensor>> found,
      double negligible) {
    Tolerance tolerance = Tolerance.of(here.type(), mode);
    List<Tensor> exact = here.onCpu(ScalarType.Double, expected);
    List<Double> errors;
    try (KernelMode.Setting kernels = mode.set()) {
      errors = errors(found.apply(here), exact);
    }
    double least = negligible * exact.stream().mapToDouble(CudaChecks::norm).sum();
    List<Double> rounded = List.of();
    for (int i = 0; i < exact.size(); i++) {
      double norm = Math.max(least, norm(exact.get(i)));
      double allowed = tolerance.bound() * norm;
      if (!(errors.get(i) <= allowed) && tolerance.choices() > 0) {
        rounded = rounded.isEmpty() ? errors(here.onCpu(here.type(), expected), exact) : rounded;
        allowed = Math.max(allowed, tolerance.choices() * rounded.get(i));
      }
      ContractViolation.unless(
          errors.get(i) <= allowed,
          String.format(
              "%s in %s is off by %.2e of its norm in float64, and may be by %.2e",
              names.get(i),
              here.type() == ScalarType.Float ? "float32" : "bfloat16",
              errors.get(i) / norm,
              allowed / norm));
    }
  }

  private static List<Double> errors(List<Tensor> found, List<Tensor> exact) {
    return IntStream.range(0, exact.size())
        .mapToObj(i -> norm(found.get(i).to(Devices.cpu(), ScalarType.Double).sub(exact.get(i))))
        .toList();
  }

  private static double norm(Tensor tensor) {
    return Tensors.number(tensor.norm());
  }

  private static Tensor run(Objective objective) {
    return ForwardChecks.run(objective.component(), objective.x().detach());
  }

  /** The gradients of the input and of all parameters, one objective after the other. */
  private static List<Tensor> gradients(Objective... objectives) {
    List<Tensor> gradients = new ArrayList<>();
    for (Objective each : objectives) {
      Collection<Parameter> parameters = each.component().parameters().all();
      parameters.forEach(parameter -> parameter.working().mutable_grad().reset());
      each.backward();
      gradients.add(GradientChecks.gradient(each.x()).clone());
      parameters.forEach(
          parameter -> gradients.add(GradientChecks.gradient(parameter.working()).clone()));
    }
    return gradients;
  }

  /** What {@link #gradients} of a whole sequence and of packed documents are. */
  private static List<String> names(StandaloneComponent component) {
    List<String> names = new ArrayList<>();
    for (String of : new String[] {"", ", of packed documents,"}) {
      names.add("the gradient of the input" + of);
      component
          .parameters()
          .all()
          .forEach(each -> names.add("the gradient of " + each.name() + of));
    }
    return names;
  }

  /** The output of the last token, after the others in one piece. */
  private static Tensor lastToken(StandaloneComponent component, Tensor x) {
    long last = x.size(1) - 1;
    try (ModelState state = new ModelState();
        Grad off = Grad.off()) {
      after(component, x.narrow(1, 0, last), state);
      return after(component, token(x, last), state);
    }
  }

  private static Tensor after(StandaloneComponent component, Tensor x, ModelState state) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
      return component.forward(x, forward);
    }
  }

  private long steps() {
    return subject.time() / 2;
  }

  /** The tokens of a row before its first step: of each another number. */
  private long before(int row) {
    return 1 + (subject.time() - steps() - 1) * row / subject.batch();
  }

  /** The outputs [batch, steps, ...] of the steps, each for a token of every row. */
  private Tensor decoded(StandaloneComponent component, Tensor x) {
    List<Tensor> outputs = new ArrayList<>();
    Tensor tokens = steps(x);
    try (BatchState batch = component.batch();
        Grad off = Grad.off()) {
      for (int row = 0; row < subject.batch(); row++) {
        ModelState state = new ModelState();
        after(component, x.narrow(0, row, 1).narrow(1, 0, before(row)), state);
        batch.add(state);
      }
      for (long step = 0; step < steps(); step++) {
        try (ForwardContext forward = ForwardContext.evaluation().with(batch)) {
          outputs.add(component.forward(token(tokens, step).contiguous(), forward));
        }
      }
    }
    return Tensors.cat(1, outputs.toArray(Tensor[]::new));
  }

  /** What of [batch, time, ...] is of the steps. */
  private Tensor steps(Tensor whole) {
    return Tensors.cat(
        0,
        IntStream.range(0, subject.batch())
            .mapToObj(row -> whole.narrow(0, row, 1).narrow(1, before(row), steps()))
            .toArray(Tensor[]::new));
  }

  private static Tensor token(Tensor x, long number) {
    return x.narrow(1, number, 1);
  }
}
