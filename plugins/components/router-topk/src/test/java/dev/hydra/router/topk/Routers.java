package dev.hydra.router.topk;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Builds routers in float64 and runs them. */
final class Routers {
  private Routers() {}

  /** A router with a given weight [experts][width]. */
  static StandaloneComponent build(String options, double[][] weight) {
    StandaloneComponent router =
        new StandaloneComponent(
            Components.of(new TopKRouterFactory(), new ChunkTopKRouterFactory()),
            Role.ROUTER,
            ConfigFactory.parseString(options),
            weight[0].length,
            weight.length,
            new Placement(Devices.cpu(), ScalarType.Double),
            1);
    router.parameters().load("component.weight", matrix(weight));
    return router;
  }

  /** A router whose logits are the hidden states. */
  static StandaloneComponent identity(String options, int experts) {
    double[][] weight = new double[experts][experts];
    for (int e = 0; e < experts; e++) {
      weight[e][e] = 1;
    }
    return build(options, weight);
  }

  static Tensor weight(StandaloneComponent router) {
    return router.parameters().all().stream()
        .filter(parameter -> parameter.name().equals("component.weight"))
        .findFirst()
        .orElseThrow()
        .working();
  }

  static double[][] random(long seed, int rows, int columns) {
    SplittableRandom random = new SplittableRandom(seed);
    return Stream.generate(() -> random.doubles(columns, -1, 1).toArray())
        .limit(rows)
        .toArray(double[][]::new);
  }

  static Tensor matrix(double[]... rows) {
    double[] flat = Stream.of(rows).flatMapToDouble(Arrays::stream).toArray();
    return Tensor.create(flat, rows.length, rows[0].length);
  }

  /** Hidden states [1, time, width]. */
  static Tensor sequence(double[]... tokens) {
    return matrix(tokens).unsqueeze(0);
  }

  /** The dense routing [time][experts] of one sequence: weights, zero where not chosen. */
  static double[][] route(StandaloneComponent router, double[][] tokens, ForwardContext forward) {
    Tensor dense = router.forward(sequence(tokens), forward).squeeze(0);
    double[][] rows = new double[tokens.length][];
    for (int t = 0; t < rows.length; t++) {
      rows[t] = Tensors.numbers(dense.select(0, t));
    }
    return rows;
  }
}
