package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.CudaGraph;
import dev.hydra.libtorch.graphs.GraphPool;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Kernels of decoding, each of which needs what the one before it wrote, have the same bits one by
 * one as in a graph, where the next is launched while the one before it runs: also after weights
 * have changed, and where memory is used again.
 */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class DecodingChainCudaTest {
  private static final Device CUDA = new Device("cuda:0");
  private static final int WIDTH = 1024;
  private static final int LAYERS = 20;
  private static final int REPLAYS = 200;

  /** Every second layer has the activation in the kernel of its maps. */
  private record Layer(boolean together, RmsNorm norm, Linear gate, Linear up, Linear down) {
    static Layer random(int index) {
      return new Layer(
          index % 2 == 0,
          new RmsNorm(torch.rand(WIDTH).to(CUDA, ScalarType.Float), 1, 1e-6),
          map(2 * WIDTH, WIDTH),
          map(2 * WIDTH, WIDTH),
          map(WIDTH, 2 * WIDTH));
    }

    private static Linear map(long out, long in) {
      Tensor weight = Tensors.mul(torch.randn(out, in), Math.sqrt(1.0 / in));
      return new Linear(weight.to(CUDA, ScalarType.BFloat16), Optional.empty());
    }

    Tensor apply(Tensor x, boolean alone) {
      Tensor normed = after(norm.apply(x), alone);
      return after(down.apply(after(gated(normed, alone), alone)), alone);
    }

    private Tensor gated(Tensor normed, boolean alone) {
      if (together) {
        return GatedActivation.SILU.ofMaps(normed, gate, up, 1).tensor();
      }
      Tensor[] both = Linear.applyAll(normed, gate, up);
      after(both[0], alone);
      return GatedActivation.SILU.apply(both[0], both[1]).tensor();
    }

    /** With nothing beside it: everything before has ended. */
    private static Tensor after(Tensor result, boolean alone) {
      if (alone) {
        torch_cuda.device_synchronize();
      }
      return result;
    }
  }

  @Test
  void hasTheSameBitsInAGraph() {
    Layer[] layers = IntStream.range(0, LAYERS).mapToObj(Layer::random).toArray(Layer[]::new);
    Tensor x = torch.randn(1, WIDTH).to(CUDA, ScalarType.BFloat16);
    Tensor[] result = new Tensor[1];
    try (Grad off = Grad.off();
        KernelMode.Setting kernels = KernelMode.FUSED.set();
        SideStream stream = new SideStream(CUDA);
        GraphPool pool = new GraphPool(stream)) {
      through(layers, x, true);
      stream.call(
          () -> {
            Runnable work = () -> result[0] = Scopes.own(through(layers, x, false));
            try (CudaGraph graph = CudaGraph.capture(stream, pool, work)) {
              for (int i = 0; i < REPLAYS; i++) {
                change(layers[i % LAYERS]);
                graph.replay();
                Tensor expected = through(layers, x, true);
                assertTrue(result[0].equal(expected), "replay " + i);
                x.copy_(expected);
              }
            }
            return null;
          });
      result[0].close();
    }
  }

  private static Tensor through(Layer[] layers, Tensor x, boolean alone) {
    return Arrays.stream(layers)
        .reduce(x, (in, layer) -> layer.apply(in, alone), (first, second) -> second);
  }

  private static void change(Layer layer) {
    layer.up.weight().neg_();
    layer.norm.weight().neg_();
  }
}
