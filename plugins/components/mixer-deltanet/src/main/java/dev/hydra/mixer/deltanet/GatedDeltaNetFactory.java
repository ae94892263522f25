package dev.hydra.mixer.deltanet;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.CausalConv;
import java.util.List;
import java.util.Optional;

/**
 * Creates the mixers of Gated Delta Networks (arXiv 2412.06464): linear attention whose state
 * decays as in Mamba-2 and is corrected by the delta rule, after a short causal convolution and
 * before a gated norm. Linear in time, with a state of constant size. Parameters are laid out as in
 * the published Qwen3-Next models.
 */
@HydraPlugin("gated-deltanet")
public final class GatedDeltaNetFactory implements ComponentFactory<Mixer> {
  static final Option<Integer> HEAD_DIM =
      Option.integer("head-dim", "channels per head of queries and keys").atLeast(1).orElse(64);
  static final Option<Optional<Integer>> HEADS =
      Option.integer("heads", "heads of queries and keys")
          .atLeast(1)
          .optional("width / head-dim, at least 1");
  static final Option<Optional<Integer>> VALUE_DIM =
      Option.integer("value-dim", "channels per head of values").atLeast(1).optional("head-dim");
  static final Option<Optional<Integer>> VALUE_HEADS =
      Option.integer("value-heads", "heads of values, a multiple of heads")
          .atLeast(1)
          .optional("heads");
  static final Option<Integer> CONV_KERNEL =
      Option.integer("conv-kernel", "tokens that the convolution sees").atLeast(2).orElse(4);
  static final Option<Boolean> NEGATIVE_EIGENVALUES =
      Option.flag(
              "negative-eigenvalues",
              "whether beta goes to 2, so that a key's part of the state can change its sign")
          .orElse(false);
  static final Option<Integer> CHUNK =
      Option.integer("chunk", "most tokens computed as one quadratic form; changes speed only")
          .atLeast(1)
          .orElse(64);
  static final Option<Double> NORM_EPSILON =
      Option.decimal("norm-epsilon", "added to the mean square in the norm of outputs")
          .where(v -> v > 0, "above 0")
          .orElse(1e-6);

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(
        HEAD_DIM,
        HEADS,
        VALUE_DIM,
        VALUE_HEADS,
        CONV_KERNEL,
        NEGATIVE_EIGENVALUES,
        CHUNK,
        NORM_EPSILON);
  }

  @Override
  public Mixer create(Site site) {
    return new GatedDeltaNet(site, shape(site));
  }

  private static DeltaNetShape shape(Site site) {
    int headDim = site.get(HEAD_DIM);
    int heads = site.get(HEADS).orElse(Math.max(1, site.width() / headDim));
    int valueHeads = site.get(VALUE_HEADS).orElse(heads);
    if (valueHeads % heads != 0) {
      throw site.invalid(
          VALUE_HEADS, "must be a multiple of heads (" + heads + "), but is " + valueHeads);
    }
    return new DeltaNetShape(heads, headDim, valueHeads, site.get(VALUE_DIM).orElse(headDim));
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(
        List.of(
            CausalConv.state(shape(site).convChannels(), site.get(CONV_KERNEL)),
            shape(site).kept()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return DeltaNetCost.of(
        shape(site), site.width(), site.get(CONV_KERNEL), site.get(CHUNK), work.tokens());
  }
}
