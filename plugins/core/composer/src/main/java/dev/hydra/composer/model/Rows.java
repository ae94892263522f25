package dev.hydra.composer.model;

import dev.hydra.api.Layer;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.Tensor;

/** Runs a component on the rows of a batch one by one, each with the state of its own text. */
final class Rows {
  private Rows() {}

  /** Runs a layer on [batch, time, width]. */
  static Tensor forward(Layer layer, Tensor x, ForwardContext forward, SitePath site) {
    return Tensors.cat(0, each(x, forward, site, layer::forward, Tensor[]::new));
  }

  /** Runs a router on [batch, time, width]. */
  static Routing route(Router router, Tensor x, ForwardContext forward, SitePath site) {
    Routing[] rows =
        each(x, forward, site, (row, pass) -> router.route(row, pass).byToken(), Routing[]::new);
    Tensor[] experts = new Tensor[rows.length];
    Tensor[] weights = new Tensor[rows.length];
    for (int i = 0; i < rows.length; i++) {
      experts[i] = rows[i].experts();
      weights[i] = rows[i].weights();
    }
    return new Routing(Tensors.cat(0, experts), Tensors.cat(0, weights));
  }

  private static <T> T[] each(
      Tensor x,
      ForwardContext forward,
      SitePath site,
      BiFunction<Tensor, SitePass, T> run,
      IntFunction<T[]> array) {
    if (forward.batch().orElseThrow().isCapturing()) {
      throw new IllegalStateException(
          "the component decodes texts one by one, as it does not declare its state");
    }
    T[] results = array.apply((int) x.size(0));
    for (int i = 0; i < results.length; i++) {
      Tensor row = Tensors.slice(x, 0, i, i + 1L);
      results[i] = run.apply(row, new SitePass(forward.row(i), site));
    }
    return results;
  }
}
