package dev.hydra.tck;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The checks for one component type with one set of options:
 *
 * <pre>{@code
 * Conformance.of(new Mamba2Factory()).options("state = 8, head-dim = 4").width(16).tests()
 * }</pre>
 */
public final class Conformance {
  private static final int BATCH = 2;

  private final ComponentFactory<?> factory;
  private final ComponentFactory<?>[] others;
  private final String options;
  private final int width;
  private final int experts;
  private final int time;

  private Conformance(
      ComponentFactory<?> factory,
      ComponentFactory<?>[] others,
      String options,
      int width,
      int experts,
      int time) {
    this.factory = factory;
    this.others = others;
    this.options = options;
    this.width = width;
    this.experts = experts;
    this.time = time;
  }

  /** Checks for a component type with default options, width 16 and 24 tokens. */
  public static Conformance of(ComponentFactory<?> factory) {
    return new Conformance(factory, new ComponentFactory<?>[0], "", 16, 4, 24);
  }

  /** Adds the component types that it nests. */
  public Conformance with(ComponentFactory<?>... children) {
    return new Conformance(factory, children, options, width, experts, time);
  }

  /** Sets options, as HOCON without the type. */
  public Conformance options(String hocon) {
    return new Conformance(factory, others, hocon, width, experts, time);
  }

  /** Sets the width of the hidden states. */
  public Conformance width(int newWidth) {
    return new Conformance(factory, others, options, newWidth, experts, time);
  }

  /**
   * Sets the width to the first of some that the component takes.
   *
   * @throws ConfigException with what it says of the last one if it takes none
   */
  public Conformance firstWidth(List<Integer> widths) {
    for (int i = 0; i < widths.size(); i++) {
      Conformance chosen = width(widths.get(i));
      try {
        chosen.tryOut();
        return chosen;
      } catch (ConfigException e) {
        if (i == widths.size() - 1) {
          throw e;
        }
      } catch (RuntimeException | LinkageError | AssertionError | StackOverflowError e) {
        return chosen; // the checks will say so
      }
    }
    throw new IllegalArgumentException("there must be a width");
  }

  /** Sets the number of experts, for routers. */
  public Conformance experts(int count) {
    return new Conformance(factory, others, options, width, count, time);
  }

  /** Sets the sequence length, in tokens. */
  public Conformance time(int tokens) {
    return new Conformance(factory, others, options, width, experts, tokens);
  }

  /**
   * Makes one component and throws it away.
   *
   * @throws dev.hydra.api.ConfigException if it refuses its options, perhaps for this width only
   */
  public void tryOut() {
    subject().use(ScalarType.Float, component -> {});
  }

  /** Returns the checks, to be run in any order. */
  public List<Check> tests() {
    Subject subject = subject();
    List<Check> checks = new ArrayList<>();
    if (subject.role() == Role.ROUTER) {
      checks.add(new Check("routing", () -> RoutingChecks.routing(subject)));
    }
    checks.addAll(layerChecks(subject));
    if (Devices.cudaAvailable()) {
      CudaChecks plain = cuda(subject, KernelMode.PLAIN);
      checks.add(new Check("CUDA near float64", plain::training));
      checks.add(new Check("decoding on CUDA near float64", plain::decoding));
      checks.add(
          new Check(
              "declared state is kept on CUDA",
              () -> RaggedChecks.declared(subject, Devices.choose("cuda"))));
      checks.add(
          new Check(
              "state in 16 bits on CUDA",
              () -> RecurrentChecks.rounded(subject, Devices.choose("cuda"))));
      checks.add(kernels());
      checks.add(decodingKernels());
    }
    return List.copyOf(checks);
  }

  /**
   * Returns the check whether a CUDA device computes by kernels what the CPU does in float64:
   * outputs and gradients, of whole sequences and of packed documents.
   */
  public Check kernels() {
    return new Check(
        "CUDA kernels near float64", () -> cuda(subject(), KernelMode.FUSED).training());
  }

  /** Returns the check whether it does so for single tokens, of several texts together. */
  public Check decodingKernels() {
    return new Check(
        "decoding by CUDA kernels near float64",
        () -> cuda(subject(), KernelMode.FUSED).decoding());
  }

  private static CudaChecks cuda(Subject subject, KernelMode mode) {
    return new CudaChecks(subject, Devices.choose("cuda"), mode);
  }

  private static List<Check> layerChecks(Subject subject) {
    return List.of(
        new Check("shape and type", () -> ForwardChecks.shapeAndType(subject)),
        new Check("causality", () -> ForwardChecks.causality(subject)),
        new Check("determinism", () -> ForwardChecks.determinism(subject)),
        new Check("bf16 near fp32", () -> ForwardChecks.bfloat16(subject)),
        new Check("chunked = whole", () -> StateChecks.chunked(subject)),
        new Check("token by token = whole", () -> StateChecks.tokenByToken(subject)),
        new Check("rows of different length", () -> RaggedChecks.together(subject)),
        new Check("declared state is kept", () -> RaggedChecks.declared(subject, Devices.cpu())),
        new Check("state in 16 bits", () -> RecurrentChecks.rounded(subject, Devices.cpu())),
        new Check("taken back = never further", () -> StateChecks.takenBack(subject)),
        new Check("packed = separate documents", () -> StateChecks.packed(subject)),
        new Check("gradients", () -> GradientChecks.whole(subject)),
        new Check("gradients of packed documents", () -> GradientChecks.packed(subject)),
        new Check("parameters move", () -> TransferChecks.parameters(subject)),
        new Check("state moves", () -> TransferChecks.state(subject)),
        new Check("live handles flat", () -> HandleChecks.flat(subject)),
        new Check("cost", () -> CostChecks.cost(subject)),
        new Check("impossible sizes refused", () -> ConfigChecks.numbers(subject)));
  }

  Subject subject() {
    HydraPlugin plugin = factory.getClass().getAnnotation(HydraPlugin.class);
    if (plugin == null) {
      throw new ContractViolation(factory.getClass() + " lacks @HydraPlugin");
    }
    Config config =
        ConfigFactory.parseString(
                options, ConfigParseOptions.defaults().setOriginDescription("the options"))
            .withValue("type", ConfigValueFactory.fromAnyRef(plugin.value()))
            .resolve();
    ComponentFactory<?>[] all =
        Stream.concat(Stream.of(factory), Stream.of(others)).toArray(ComponentFactory<?>[]::new);
    return new Subject(
        Components.of(all),
        factory,
        config,
        width,
        factory.role() == Role.ROUTER ? experts : width,
        BATCH,
        time);
  }
}
