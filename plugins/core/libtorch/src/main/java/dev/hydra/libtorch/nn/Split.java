package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a tensor into parts along its last dimension, views of it, whose gradients can be written
 * where they belong in its own: an operator that reads a part, or the part in another shape, asks
 * in its backward for {@link #room} and writes there, and nothing is put together afterwards.
 *
 * <p>Nothing depends on it: each room is given away once, and a gradient counts as written only if
 * it arrives as the very room that was made for it. Where a part is read twice, or by an operator
 * that does not know of this, gradients are copied as by LibTorch's own split.
 */
public final class Split extends CustomFunction {
  /** What CUDA kernels access at once, which parts and their rooms have to be aligned to alike. */
  private static final int ALIGNMENT = 16;

  /**
   * The parts that wait for a gradient, by the address of their first element. It is static because
   * a part does not say what it was split from; graphs decide how long an entry is needed, and keep
   * the memory at that address for as long.
   */
  private static final Map<Long, Part> PARTS = new ConcurrentHashMap<>();

  private record Part(Split split, int index) {}

  private final long[] whole;
  private final long[] sizes;
  private final boolean[] given;
  private @Nullable Tensor gradient;

  private Split(long[] whole, long[] sizes) {
    this.whole = whole;
    this.sizes = sizes;
    given = new boolean[sizes.length];
  }

  /**
   * Cuts.
   *
   * @param tensor [..., n]
   * @param sizes of the parts, at most n together; what is left has no gradient
   * @return views [..., size]
   * @throws IllegalArgumentException if the sizes are more than n
   */
  public static Tensor[] of(Tensor tensor, long... sizes) {
    long[] whole = Tensors.sizes(tensor);
    long sum = Arrays.stream(sizes).sum();
    if (sum > whole[whole.length - 1]) {
      throw new IllegalArgumentException(
          "parts of %s are %d together, but there are %d to split"
              .formatted(Arrays.toString(sizes), sum, whole[whole.length - 1]));
    }
    return new Split(whole, sizes.clone()).apply(tensor);
  }

  /**
   * Makes room for the gradient of a tensor, of its shape and type: in the gradient of what it is a
   * part of, if that waits for it and nobody has asked before, else a new tensor. To be called in
   * backward, by who writes every element of it and gives it, or a view of it, as the gradient.
   *
   * @param value what was read in forward
   * @return not initialised; its rows need not be neighbours, but are aligned as those of the value
   */
  public static Tensor room(Tensor value) {
    @Nullable Part part = value.numel() == 0 ? null : PARTS.get(Tensors.address(value));
    @Nullable Tensor room = part == null ? null : part.split.give(part.index, value);
    return room == null
        ? Tensors.empty(value, Tensors.type(value), Tensors.sizes(value))
        : room.reshape(Tensors.sizes(value));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] parts = cut(inputs[0]);
    if (inputs[0].numel() > 0
        && !inputs[0].is_meta()
        && inputs[0].is_contiguous()
        && Tensors.address(inputs[0]) % ALIGNMENT == 0
        && context.atEnd(this::end)) {
      context.save(inputs[0]); // while this lives no other tensor has its addresses
      for (int i = 0; i < parts.length; i++) {
        if (parts[i].numel() > 0) {
          PARTS.putIfAbsent(Tensors.address(parts[i]), new Part(this, i));
        }
      }
    }
    return parts;
  }

  private Tensor[] cut(Tensor tensor) {
    int last = whole.length - 1;
    Tensor[] parts = new Tensor[sizes.length];
    long begin = 0;
    for (int i = 0; i < parts.length; i++) {
      parts[i] = tensor.narrow(last, begin, sizes[i]);
      begin += sizes[i];
    }
    return parts;
  }

  /** Gives the room of a part away, if it is all of the part that was read. */
  private synchronized @Nullable Tensor give(int index, Tensor value) {
    long elements = sizes[index];
    for (int dim = 0; dim < whole.length - 1; dim++) {
      elements *= whole[dim];
    }
    if (given[index] || value.numel() != elements) {
      return null;
    }
    if (gradient == null) {
      gradient = Scopes.own(Tensors.empty(value, Tensors.type(value), whole));
    }
    given[index] = true;
    return cut(gradient)[index];
  }

  @Override
  protected synchronized void backward(Context context, Gradients gradients) {
    @Nullable Tensor written = gradient;
    if (written != null && complete(written, gradients)) {
      gradients.give(0, new Tensor(written));
    } else {
      gradients.give(0, joined(gradients));
    }
    forget();
  }

  /**
   * Copies what is not in its room. A room that was given away is never written here: what is in it
   * may still be needed where it went.
   *
   * @return whether the gradient is complete; it is not if what was given away is not what arrives
   */
  private boolean complete(Tensor written, Gradients gradients) {
    Tensor[] rooms = cut(written);
    for (int i = 0; i < rooms.length; i++) {
      if (given[i] && !(gradients.arrived(i) && isSame(gradients.of(i), rooms[i]))) {
        return false;
      }
    }
    for (int i = 0; i < rooms.length; i++) {
      if (!given[i] && gradients.arrived(i)) {
        rooms[i].copy_(gradients.of(i));
      } else if (!given[i]) {
        rooms[i].zero_();
      }
    }
    long rest = rest();
    if (rest > 0) {
      int last = whole.length - 1;
      written.narrow(last, whole[last] - rest, rest).zero_();
    }
    return true;
  }

  private Tensor joined(Gradients gradients) {
    long rest = rest();
    Tensor[] parts = new Tensor[sizes.length + (rest > 0 ? 1 : 0)];
    for (int i = 0; i < sizes.length; i++) {
      parts[i] = gradients.of(i);
    }
    if (rest > 0) {
      long[] columns = whole.clone();
      columns[columns.length - 1] = rest;
      parts[sizes.length] = Tensors.zeros(parts[0], columns);
    }
    return Tensors.cat(-1, parts);
  }

  /** The columns that no part has. */
  private long rest() {
    return whole[whole.length - 1] - Arrays.stream(sizes).sum();
  }

  /** Returns the number of parts that wait for a gradient. */
  static int waiting() {
    return PARTS.size();
  }

  private synchronized void end() {
    PARTS.values().removeIf(part -> part.split == this);
    forget();
  }

  /** Lets go of the gradient; another backward begins with none. */
  private void forget() {
    Arrays.fill(given, false);
    if (gradient != null) {
      gradient.close();
      gradient = null;
    }
  }

  private static boolean isSame(Tensor a, Tensor b) {
    boolean same =
        Arrays.equals(Tensors.sizes(a), Tensors.sizes(b))
            && Tensors.address(a) == Tensors.address(b);
    for (int dim = 0; same && dim < a.dim(); dim++) {
      same = a.size(dim) == 1 || a.stride(dim) == b.stride(dim);
    }
    return same && Tensors.type(a) == Tensors.type(b);
  }
}
