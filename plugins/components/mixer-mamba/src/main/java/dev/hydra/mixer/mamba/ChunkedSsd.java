package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * The SSD in chunks (arXiv 2405.21060, section 6) with a backward of its own, which keeps only
 * inputs, output and the states between chunks, and computes the rest again. A long sequence may be
 * taken part by part, so that what is computed on the way takes bounded memory.
 */
final class ChunkedSsd extends CustomFunction {
  private final int chunk;
  private final long atOnce;
  private final ScanInput.Layout arguments;

  private ChunkedSsd(int chunk, long atOnce, ScanInput.Layout arguments) {
    this.chunk = chunk;
    this.atOnce = atOnce;
    this.arguments = arguments;
  }

  /**
   * Computes {@link Ssd#chunked}.
   *
   * @param atOnce tokens of all sequences together that are computed at once, unless a chunk is
   *     more
   */
  static Ssd.Output compute(ScanInput in, int chunk, long atOnce) {
    Tensor[] outputs = new ChunkedSsd(chunk, atOnce, in.layout()).apply(in.tensors());
    return new Ssd.Output(outputs[0], outputs[1]);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    ScanInput in = arguments.input(inputs);
    context.save(inputs);
    Tensor[] y = new Tensor[parts(in)];
    Optional<Tensor> state = in.initial();
    for (int z = 0; z < y.length; z++) {
      SsdPart part = part(in, z, state);
      Tensor[] made = Scopes.keepAll(() -> part.forward().tensors());
      context.save(made);
      SsdPart.Result result = SsdPart.Result.of(made);
      y[z] = result.y();
      state = Optional.of(result.state());
    }
    return new Tensor[] {joined(y), state.orElseThrow()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    int count = arguments.count();
    ScanInput in = arguments.input(saved(context, 0, count));
    Tensor[][] parts = new Tensor[parts(in)][];
    Tensor dState = gradients.of(1);
    for (int z = parts.length - 1; z >= 0; z--) {
      SsdPart part =
          part(in, z, z == 0 ? in.initial() : Optional.of(result(context, z - 1).state()));
      SsdPart.Result result = result(context, z);
      Tensor dy = Tensors.slice(gradients.of(0), 1, from(in, z), to(in, z));
      Tensor dAfter = dState;
      parts[z] = Scopes.keepAll(() -> part.backward(result, dy, dAfter));
      if (z > 0) {
        dState = continuing(in, z, parts[z][SsdPart.INITIAL]);
      }
    }
    for (int each : new int[] {ScanInput.X, ScanInput.DT, ScanInput.B, ScanInput.C}) {
      gradients.give(each, joined(of(parts, each)));
    }
    gradients.give(ScanInput.A, Arrays.stream(of(parts, ScanInput.A)).reduce(Tensor::add).get());
    if (arguments.continued()) {
      gradients.give(arguments.initialIndex(), parts[0][SsdPart.INITIAL]);
    }
  }

  private SsdPart.Result result(Context context, int part) {
    int from = arguments.count() + SsdPart.Result.COUNT * part;
    return SsdPart.Result.of(saved(context, from, SsdPart.Result.COUNT));
  }

  private static Tensor[] saved(Context context, int from, int count) {
    Tensor[] saved = new Tensor[count];
    Arrays.setAll(saved, i -> context.saved(from + i));
    return saved;
  }

  private static Tensor[] of(Tensor[][] parts, int index) {
    return Arrays.stream(parts).map(part -> part[index]).toArray(Tensor[]::new);
  }

  private static Tensor joined(Tensor... parts) {
    return parts.length == 1 ? parts[0] : Tensors.cat(1, parts);
  }

  /** The tokens of a part. */
  private long step(ScanInput in) {
    return Math.max(1, atOnce / in.x().size(0) / chunk) * chunk;
  }

  private int parts(ScanInput in) {
    return (int) ((in.x().size(1) + step(in) - 1) / step(in));
  }

  private long from(ScanInput in, int part) {
    return part * step(in);
  }

  private long to(ScanInput in, int part) {
    return Math.min(in.x().size(1), (part + 1) * step(in));
  }

  /**
   * A part.
   *
   * @param before the state before it
   */
  private SsdPart part(ScanInput in, int part, Optional<Tensor> before) {
    if (parts(in) == 1) {
      return new SsdPart(in, chunk);
    }
    long from = from(in, part);
    long to = to(in, part);
    return new SsdPart(
        new ScanInput(
            Tensors.slice(in.x(), 1, from, to),
            Tensors.slice(in.dt(), 1, from, to),
            in.a(),
            Tensors.slice(in.b(), 1, from, to),
            Tensors.slice(in.c(), 1, from, to),
            in.documents().map(d -> Tensors.slice(d, 1, from, to)),
            part == 0 ? before : before.map(state -> continuing(in, part, state))),
        chunk);
  }

  /** A state at the beginning of a part, or its gradient: zero where a document begins there. */
  private Tensor continuing(ScanInput in, int part, Tensor state) {
    long first = from(in, part);
    return in.documents()
        .map(d -> d.select(1, first).eq(d.select(1, first - 1)).view(-1, 1, 1, 1))
        .map(same -> state.mul(Tensors.cast(same, Tensors.type(state))))
        .orElse(state);
  }
}
