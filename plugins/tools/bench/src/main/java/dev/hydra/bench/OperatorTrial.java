package dev.hydra.bench;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.Option;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.Components;
import dev.hydra.libtorch.nn.CausalConv;
import dev.hydra.libtorch.nn.LinearCrossEntropy;
import dev.hydra.libtorch.nn.RmsNorm;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/** Times an operator that layers share, forward and backward to all inputs. */
final class OperatorTrial extends PassTrial {
  /** Its type. */
  static final String CONVOLUTION = "causal-conv";

  private static final double EPSILON = 1e-5;
  private static final int TAPS = 4;
  private static final long CLASSES = 50_304;

  private final Supplier<Tensor> forward;
  private final Tensor gradient;
  private final List<Tensor> leaves;
  private final List<Tensor> others;

  private OperatorTrial(
      int times,
      boolean forwardAlone,
      Supplier<Tensor> forward,
      Tensor gradient,
      List<Tensor> leaves,
      List<Tensor> others) {
    super(times, forwardAlone);
    this.forward = forward;
    this.gradient = gradient;
    this.leaves = leaves;
    this.others = others;
  }

  /** The convolution as a component, for it borrows its parameters; nobody else sees it. */
  private record Convolution() implements ComponentFactory<FeedForward> {
    @Override
    public Role role() {
      return Role.FEED_FORWARD;
    }

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public FeedForward create(Site site) {
      return new CausalConv(site, site.width(), TAPS, false)::forward;
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Cost.NONE;
    }
  }

  /** The convolution as the only component type that there is. */
  static Components convolution() {
    Registration only =
        new Registration(CONVOLUTION, new Convolution(), PluginId.of("hydra-bench", "0.1.0"));
    return () -> List.of(only);
  }

  /** A gated norm of [batch, tokens, width]. */
  static OperatorTrial gatedNorm(Inputs in, int times, boolean forwardAlone, long... sizes) {
    Tensor x = in.leaf(sizes);
    Tensor z = in.leaf(sizes);
    Tensor weight = in.leaf(sizes[2]);
    RmsNorm norm = new RmsNorm(weight, 1, EPSILON);
    return new OperatorTrial(
        times,
        forwardAlone,
        () -> norm.ofGated(x, z).tensor(),
        in.normal(sizes),
        List.of(x, z, weight),
        List.of());
  }

  /** Head and loss of hidden states [batch, tokens, width]. */
  static OperatorTrial crossEntropy(Inputs in, int times, boolean forwardAlone, long... sizes) {
    Tensor hidden = in.leaf(sizes);
    Tensor weight = in.leaf(CLASSES, sizes[2]);
    Tensor targets = in.tokens(CLASSES, sizes[0], sizes[1]);
    Tensor one = in.one();
    return new OperatorTrial(
        times,
        forwardAlone,
        () -> LinearCrossEntropy.of(hidden, weight, 1, targets, Optional.of(one)),
        one,
        List.of(hidden, weight),
        List.of(targets));
  }

  @Override
  Tensor forward() {
    return forward.get();
  }

  @Override
  Tensor gradient() {
    return gradient;
  }

  @Override
  List<Tensor> leaves() {
    return leaves;
  }

  @Override
  public void close() {
    leaves.forEach(Tensor::close);
    others.forEach(Tensor::close);
    gradient.close();
  }
}
