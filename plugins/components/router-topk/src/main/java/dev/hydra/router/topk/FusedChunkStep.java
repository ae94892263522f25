package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.api.Routing;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Routes one more token of each of several texts by one CUDA kernel, which knows from the texts'
 * positions where chunks begin and moves the {@link ChunkState} on in place. Its twin is what
 * {@link ChunkTopKRouter} does elsewhere.
 */
final class FusedChunkStep {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedChunkStep.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "expert_row.cu",
              "chunk_step.cu"));

  /** Threads of a block, as the program says. */
  private static final int THREADS = 1024;

  private FusedChunkStep() {}

  /**
   * Computes the routing where the kernel can: single tokens of texts with state, which nobody
   * observes, in float32 or bfloat16 on a CUDA device, of at most 128 experts, where kernels are to
   * be used. Else gives nothing, and changes nothing.
   *
   * @param x [texts, 1, width]
   * @param weight [experts, width]
   */
  static Optional<Routing> compute(
      Tensor x, Tensor weight, Choice choice, int chunk, Summary summary, Pass pass) {
    Optional<StateCache> cache = pass.cache().filter(StateCache::decoding);
    if (cache.isEmpty() || pass.observing() || !isPossible(x, weight)) {
      return Optional.empty();
    }
    List<Tensor> state =
        Stream.of(ChunkState.DECISION, ChunkState.TOTAL, ChunkState.MARK)
            .flatMap(name -> cache.get().get(name).stream())
            .filter(each -> Tensors.type(each) == ScalarType.Double && each.is_contiguous())
            .toList();
    if (state.size() < 3) {
      return Optional.empty();
    }
    Map<String, Integer> macros = new TreeMap<>(FusedChoice.macros((int) weight.size(0)));
    macros.put("VECTOR", VectorSize.of(Tensors.type(x), x.size(2), List.of(x, weight)));
    macros.put("ELEMENT_BF16", Tensors.type(x) == ScalarType.BFloat16 ? 1 : 0);
    Tensor positions = cache.get().positions(x);
    return KERNELS
        .usable(x, macros)
        .map(kernels -> launch(kernels, x, weight, positions, state, choice, chunk, summary));
  }

  private static boolean isPossible(Tensor x, Tensor weight) {
    ScalarType type = Tensors.type(x);
    return x.is_cuda()
        && !CustomFunction.isInlined()
        && (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Tensors.type(weight) == ScalarType.Float
        && weight.is_contiguous()
        && x.stride(2) == 1
        && x.size(1) == 1
        && x.numel() > 0
        && weight.size(0) <= FusedChoice.MOST_EXPERTS;
  }

  private static Routing launch(
      Kernels kernels,
      Tensor x,
      Tensor weight,
      Tensor positions,
      List<Tensor> state,
      Choice choice,
      int chunk,
      Summary summary) {
    long texts = x.size(0);
    Tensor experts = Tensors.empty(x, ScalarType.Long, texts, 1, choice.topK());
    Tensor weights = Tensors.empty(x, ScalarType.Float, texts, 1, choice.topK());
    kernels
        .get("chunk_step")
        .launch(
            Grid.of(texts, THREADS),
            x,
            x.stride(0),
            weight,
            positions,
            state.get(0),
            state.get(1),
            state.get(2),
            choice.bias().map(LoadBias::bias).orElse(null),
            (int) x.size(2),
            chunk,
            summary.number(),
            choice.topK(),
            choice.isSigmoid(),
            choice.isNormalized(),
            experts,
            weights);
    return new Routing(experts, weights);
  }
}
