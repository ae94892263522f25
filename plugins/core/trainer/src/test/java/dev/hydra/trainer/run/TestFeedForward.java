package dev.hydra.trainer.run;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Migration;
import dev.hydra.api.Option;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Versions of a gated feed-forward. */
@HydraPlugin("test-ffn")
record TestFeedForward(Function<Site, FeedForward> maker, Optional<Migration> migration)
    implements ComponentFactory<FeedForward> {
  private static final Init INIT = Init.normal(0.1);

  /** Gate and up in one projection. */
  static Registration fused(String version) {
    return registration(version, TestFeedForward::fused, Optional.empty());
  }

  /** Gate and up each by itself, taken out of the fused projection. */
  static Registration split(String version) {
    return registration(
        version,
        TestFeedForward::split,
        Optional.of(
            Migration.rearranging(
                old -> {
                  Tensor both = old.get("gate_up");
                  long half = both.size(0) / 2;
                  return Map.of(
                      "gate", Tensors.slice(both, 0, 0, half),
                      "up", Tensors.slice(both, 0, half, 2 * half));
                })));
  }

  /** With another parameter, and after some training forwards without what others count on. */
  static Registration failing(int forwards, double factor) {
    return registration(
        "failing",
        site -> {
          Tensor more = site.parameter("more", Init.zeros(), site.width(), site.width());
          FeedForward good = fused(site);
          int[] count = {0};
          return (x, pass) -> {
            Tensor y = good.forward(x, pass).add(Tensors.linear(x, more));
            return pass.training() && count[0]++ >= forwards ? Tensors.mul(x, factor) : y;
          };
        },
        Optional.empty());
  }

  /** Any version. */
  static Registration registration(
      String version, Function<Site, FeedForward> maker, Optional<Migration> migration) {
    return new Registration(
        "test-ffn", new TestFeedForward(maker, migration), PluginId.of("test-plugin", version));
  }

  static FeedForward fused(Site site) {
    Tensor both = site.parameter("gate_up", INIT, 4L * site.width(), site.width());
    Tensor down = site.parameter("down", INIT, site.width(), 2L * site.width());
    return (x, pass) -> {
      Tensor hidden = Tensors.linear(x, both);
      long half = hidden.size(2) / 2;
      Tensor gate = torch.silu(Tensors.slice(hidden, 2, 0, half));
      return Tensors.linear(gate.mul(Tensors.slice(hidden, 2, half, 2 * half)), down);
    };
  }

  private static FeedForward split(Site site) {
    Tensor gate = site.parameter("gate", INIT, 2L * site.width(), site.width());
    Tensor up = site.parameter("up", INIT, 2L * site.width(), site.width());
    Tensor down = site.parameter("down", INIT, site.width(), 2L * site.width());
    return (x, pass) ->
        Tensors.linear(torch.silu(Tensors.linear(x, gate)).mul(Tensors.linear(x, up)), down);
  }

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
    return maker.apply(site);
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Cost.NONE;
  }

  @Override
  public Optional<Migration> migration(String type, String version) {
    return type.equals("test-ffn") && version.startsWith("1.") ? migration : Optional.empty();
  }
}
