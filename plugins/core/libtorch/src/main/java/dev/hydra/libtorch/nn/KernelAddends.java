package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction.Context;
import dev.hydra.libtorch.autograd.CustomFunction.Gradients;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * What gates of one number let through, as the kernels that add it to the stream take it: {@link
 * #MOST} times rows, gate and factor. Inputs of a function are pairs of rows and gate.
 */
final class KernelAddends {
  /** The most that kernels take. */
  static final int MOST = 2;

  /** Numbers between the gradients of two gates, so that each begins where 16 bytes do. */
  static final int APART = 4;

  private final float[] scales;

  KernelAddends(List<GatedAddend> addends) {
    scales = new float[addends.size()];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (float) addends.get(i).scale();
    }
  }

  /** Says whether kernels take them, with rows in a type. */
  static boolean possible(List<GatedAddend> addends, ScalarType type) {
    return addends.size() <= MOST
        && addends.stream().allMatch(each -> Tensors.type(each.y()) == type)
        && addends.stream().allMatch(each -> Tensors.type(each.gate()) == ScalarType.Float);
  }

  int count() {
    return scales.length;
  }

  /** Adds the arguments of forward, and saves what backward takes of them. */
  void forward(
      List<@Nullable Object> arguments, Context context, int vector, Tensor[] inputs, int first) {
    for (int i = 0; i < MOST; i++) {
      @Nullable Tensor rows = null;
      @Nullable Tensor gate = null;
      if (i < count()) {
        rows = Rows.fit(vector, inputs[first + 2 * i]);
        gate = inputs[first + 2 * i + 1];
        context.save(rows, gate);
      }
      put(arguments, i, rows, gate);
    }
  }

  /** Adds the arguments of backward, of which the first is saved at an index. */
  void backward(List<@Nullable Object> arguments, Context context, int index) {
    for (int i = 0; i < MOST; i++) {
      boolean some = i < count();
      put(
          arguments,
          i,
          some ? context.saved(index + 2 * i) : null,
          some ? context.saved(index + 2 * i + 1) : null);
    }
  }

  private void put(
      List<@Nullable Object> arguments, int index, @Nullable Tensor rows, @Nullable Tensor gate) {
    arguments.add(rows);
    arguments.add(Rows.stride(rows));
    arguments.add(gate);
    arguments.add(index < count() ? scales[index] : 0f);
  }

  /** Makes room for the gradients of rows: the arguments, null where there are none. */
  @Nullable Tensor[] room(Context context, int index, long... sizes) {
    @Nullable Tensor[] rooms = new @Nullable Tensor[MOST];
    for (int i = 0; i < count(); i++) {
      Tensor rows = context.saved(index + 2 * i);
      rooms[i] = Tensors.empty(rows, Tensors.type(rows), sizes);
    }
    return rooms;
  }

  /**
   * Gives the gradients of inputs.
   *
   * @param sums those of the gates from a column on, {@link #APART} columns apart
   */
  void give(Gradients gradients, int first, @Nullable Tensor[] rooms, Tensor sums, long column) {
    for (int i = 0; i < count(); i++) {
      @Nullable Tensor rows = rooms[i];
      if (rows != null) {
        gradients.give(first + 2 * i, rows);
      }
      gradients.give(first + 2 * i + 1, sums.narrow(0, column + (long) APART * i, 1));
    }
  }
}
