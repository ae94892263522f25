package dev.hydra.inference;

import static java.util.Objects.requireNonNull;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * What sampling keeps of one text: its random numbers, and for penalties which tokens occurred. It
 * depends on nothing but that text.
 */
final class SampledRow implements AutoCloseable {
  private final Sampling sampling;
  private final SplittableRandom random;
  private final int[] prompt;
  private @Nullable Tensor occurred;
  private @Nullable Tensor counts;

  /** Begins with a prompt. */
  SampledRow(Sampling sampling, int[] prompt) {
    this.sampling = sampling;
    this.prompt = prompt;
    this.random = new SplittableRandom(sampling.seed());
  }

  Sampling sampling() {
    return sampling;
  }

  /** Returns the next random number, from 0 to below 1. */
  double nextDouble() {
    return random.nextDouble();
  }

  /** Says whether {@link #adjusted} changes anything. */
  boolean adjusts() {
    return sampling.penalises() || !sampling.bias().isEmpty();
  }

  /** Returns logits float32 [vocabulary] with penalties and bias. */
  Tensor adjusted(Tensor logits) {
    return Scopes.keep(
        () -> {
          Tensor result = logits;
          if (sampling.penalises()) {
            begin(logits);
            result = penalised(result);
          }
          if (!sampling.bias().isEmpty()) {
            List<Map.Entry<Integer, Double>> biased = List.copyOf(sampling.bias().entrySet());
            long[] tokens = biased.stream().mapToLong(Map.Entry::getKey).toArray();
            double[] values = biased.stream().mapToDouble(Map.Entry::getValue).toArray();
            result =
                result.index_add(
                    0,
                    Tensor.create(tokens).to(logits.device(), ScalarType.Long),
                    Tensor.create(values).to(logits.device(), ScalarType.Float));
          }
          return result;
        });
  }

  private void begin(Tensor logits) {
    if (occurred == null) {
      long[] tokens = Arrays.stream(prompt).asLongStream().toArray();
      Scopes.run(
          () -> {
            Tensor index = Tensor.create(tokens).to(logits.device(), ScalarType.Long);
            Tensor ones = torch.ones_like(index).to(ScalarType.Float);
            occurred = Scopes.own(Tensors.zeros(logits, logits.size(0)).index_copy(0, index, ones));
            counts = Scopes.own(Tensors.zeros(logits, logits.size(0)));
          });
    }
  }

  private Tensor penalised(Tensor logits) {
    Tensor result = logits;
    try (Scalar zero = new Scalar(0)) {
      if (sampling.repetition() != 1) {
        Tensor weaker =
            torch.where(
                result.gt(zero),
                Tensors.mul(result, 1 / sampling.repetition()),
                Tensors.mul(result, sampling.repetition()));
        result = torch.where(requireNonNull(occurred).gt(zero), weaker, result);
      }
      Tensor drawn = requireNonNull(counts);
      if (sampling.presence() != 0) {
        result = result.sub(Tensors.mul(drawn.gt(zero).to(ScalarType.Float), sampling.presence()));
      }
      if (sampling.frequency() != 0) {
        result = result.sub(Tensors.mul(drawn, sampling.frequency()));
      }
    }
    return result;
  }

  /** Remembers a token that was drawn. */
  void drawn(int token) {
    if (counts != null && occurred != null) {
      Tensor count = counts;
      Tensor seen = occurred;
      Scopes.run(
          () -> {
            try (Scalar one = new Scalar(1)) {
              count.narrow(0, token, 1).add_(one);
              seen.narrow(0, token, 1).fill_(one);
            }
          });
    }
  }

  @Override
  public void close() {
    if (counts != null && occurred != null) {
      counts.close();
      occurred.close();
      counts = null;
      occurred = null;
    }
  }
}
