package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The SSD by CUDA kernels, from steps as projected to y with what skips the recurrence. Forward
 * keeps its inputs and what comes of the steps; and the states between chunks where it writes them
 * for itself, else backward computes them again. Its twin is {@link Ssd#plain}.
 */
final class FusedSsd extends CustomFunction {
  private static final KernelSource[] EVERYWHERE = {
    program("decay"),
    program("states"),
    program("mixing", "output_wide", "output"),
    program("mixing", "forward"),
    program("mixing", "backward_x_block", "backward_x_team", "backward_x_wide", "backward_x"),
    program("backward_states_wide", "backward_projections"),
    program("decay", "backward_steps")
  };

  private static final KernelSet KERNELS = KernelSet.of(EVERYWHERE);

  /** Of sizes and devices whose four warps issue products together. */
  private static final KernelSet WIDE_KERNELS =
      KernelSet.of(
          Stream.concat(Stream.of(EVERYWHERE), Stream.of(program("walk")))
              .toArray(KernelSource[]::new));

  /**
   * Those that there is no way without; there is one without ssd_scores and ssd_forward. What a
   * walk over time takes is the same for all sizes, and such devices have it.
   */
  private static final List<String> NEEDED =
      List.of(
          "ssd_chunk_states",
          "ssd_pass_states",
          "ssd_output",
          "ssd_backward_x",
          "ssd_backward_states",
          "ssd_backward_projections");

  /** What a thread copies at once. */
  private static final int ALIGNMENT = 16;

  private static final int INPUTS = 7;

  private final Kernels kernels;
  private final SsdTiles tiles;
  private final SsdInput.Limits limits;
  private final boolean packed;
  private final boolean continued;

  private FusedSsd(Kernels kernels, SsdTiles tiles, SsdInput in) {
    this.kernels = kernels;
    this.tiles = tiles;
    limits = in.limits();
    packed = in.documents().isPresent();
    continued = in.initial().isPresent();
  }

  private static KernelSource program(String... parts) {
    return KernelSource.of(
        FusedSsd.class,
        Stream.concat(
                Stream.of(
                    "primitives.cu",
                    "dependent_launch.cu",
                    "tensor_cores.cu",
                    "tiles.cu",
                    "hopper_products.cu",
                    "bulk_copies.cu",
                    "chunk_documents.cu"),
                Stream.concat(Stream.of("tiles", "wide"), Stream.of(parts))
                    .map(part -> "ssd_" + part + ".cu"))
            .toArray(String[]::new));
  }

  /**
   * Chooses: gives the fused path if an input is on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedSsd> of(SsdInput in) {
    Tensor x = in.x();
    if (!x.is_cuda()
        || KernelMode.current() == KernelMode.PLAIN
        || isInlined()
        || !typesFit(in)
        || !SsdTiles.possible(x.size(3), in.b().size(3))) {
      return Optional.empty();
    }
    SsdTiles tiles =
        SsdTiles.of(
            Tensors.type(x) == ScalarType.Float,
            (int) x.size(3),
            (int) in.b().size(3),
            x.size(0) * x.size(2),
            Gpu.of(x));
    if (!gridFits(in, tiles)) {
      return Optional.empty();
    }
    boolean fp32Steps = Tensors.type(in.dt()) == ScalarType.Float;
    return (tiles.wide() ? WIDE_KERNELS : KERNELS)
        .usable(x, tiles.macros(fp32Steps, in.documents().isPresent()))
        .filter(found -> NEEDED.stream().map(found::get).allMatch(Kernel::fits))
        .map(found -> new FusedSsd(found, tiles, in));
  }

  private static boolean typesFit(SsdInput in) {
    ScalarType type = Tensors.type(in.x());
    ScalarType steps = Tensors.type(in.dt());
    return (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Tensors.type(in.b()) == type
        && Tensors.type(in.c()) == type
        && (steps == ScalarType.Float || steps == ScalarType.BFloat16)
        && Stream.concat(Stream.of(in.decayLog(), in.bias(), in.skip()), in.initial().stream())
            .allMatch(each -> Tensors.type(each) == ScalarType.Float);
  }

  /** Whether CUDA can count the blocks: along z up to 2 batch, along y up to all parts of heads. */
  private static boolean gridFits(SsdInput in, SsdTiles tiles) {
    return 2 * in.x().size(0) <= Kernel.Grid.MOST_ROWS
        && in.x().size(2) * tiles.stateTiles() * tiles.channelTiles() <= Kernel.Grid.MOST_ROWS
        && in.x().numel() > 0;
  }

  /** Computes {@link Ssd#of}. */
  Ssd.Output compute(SsdInput in) {
    List<Tensor> inputs =
        new ArrayList<>(
            List.of(in.x(), in.dt(), in.decayLog(), in.b(), in.c(), in.bias(), in.skip()));
    in.documents().ifPresent(inputs::add);
    in.initial().ifPresent(inputs::add);
    Tensor[] outputs = apply(inputs.toArray(Tensor[]::new));
    return new Ssd.Output(outputs[0], outputs[1]);
  }

  /** The input that tensors are, in the order of {@link #compute}. */
  private SsdInput input(Tensor... tensors) {
    return new SsdInput(
        tensors[0],
        tensors[1],
        tensors[2],
        tensors[3],
        tensors[4],
        tensors[5],
        tensors[6],
        limits,
        packed ? Optional.of(tensors[INPUTS]) : Optional.empty(),
        continued ? Optional.of(tensors[initialIndex()]) : Optional.empty());
  }

  private int initialIndex() {
    return packed ? INPUTS + 1 : INPUTS;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] fit = new Tensor[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      boolean inRows = i == 0 || i == 3 || i == 4;
      fit[i] =
          inRows ? rows(inputs[i]) : i == 1 ? withLastStrideOne(inputs[i]) : inputs[i].contiguous();
    }
    SsdLaunch.Forward forward = new SsdLaunch(kernels, tiles, input(fit)).forward();
    context.save(fit);
    context.save(forward.kept().tensors());
    return new Tensor[] {forward.output().y(), forward.output().state()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] saved = new Tensor[continued ? initialIndex() + 1 : initialIndex()];
    for (int i = 0; i < saved.length; i++) {
      saved[i] = context.saved(i);
    }
    SsdLaunch launch = new SsdLaunch(kernels, tiles, input(saved));
    @Nullable Tensor dLast = gradients.arrived(1) ? gradients.of(1).contiguous() : null;
    @Nullable Tensor dInitial =
        continued && context.needsGrad(initialIndex()) ? launch.state() : null;
    SsdKept kept =
        SsdKept.of(
            i -> context.saved(saved.length + i), packed, !SsdLaunch.inOnePass(kernels, tiles));
    SsdLaunch.Gradients found = launch.backward(kept, rows(gradients.of(0)), dLast, dInitial);
    gradients.give(0, found.x());
    gradients.give(1, found.dt());
    gradients.give(2, found.perHead().select(0, 0));
    gradients.give(3, found.b());
    gradients.give(4, found.c());
    gradients.give(5, found.perHead().select(0, 1));
    gradients.give(6, found.perHead().select(0, 2));
    if (dInitial != null) {
      gradients.give(initialIndex(), dInitial);
    }
  }

  /**
   * The tensor itself if all its rows can be copied 16 bytes at a time, and are rows of their own,
   * else a copy.
   */
  static Tensor rows(Tensor tensor) {
    int last = (int) tensor.dim() - 1;
    boolean fit = tensor.stride(last) == 1;
    for (int dim = 0; dim < last; dim++) {
      long stride = tensor.stride(dim) * tensor.element_size();
      fit &= tensor.size(dim) == 1 || (stride > 0 && stride % ALIGNMENT == 0);
    }
    fit &= Tensors.address(tensor) % ALIGNMENT == 0;
    return fit ? tensor : copy(tensor);
  }

  private static Tensor withLastStrideOne(Tensor tensor) {
    return tensor.stride((int) tensor.dim() - 1) == 1 ? tensor : copy(tensor);
  }

  /** A contiguous copy, even of what is contiguous but begins at an odd address. */
  private static Tensor copy(Tensor tensor) {
    return tensor.is_contiguous() ? tensor.clone() : tensor.contiguous();
  }
}
