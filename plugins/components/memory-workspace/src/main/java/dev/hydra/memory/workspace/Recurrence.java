package dev.hydra.memory.workspace;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;

/**
 * The recurrence {@code h_i = keep_i * h_(i-1) + update_i} over many steps at once: every two
 * consecutive steps are joined to one, the half as many are solved in the same way, and the states
 * between follow from them (Blelloch 1990, Prefix sums and their applications). That is work
 * proportional to the steps in {@code log2(steps)} rounds. Nothing is divided and no logarithm
 * taken, so {@code keep} may be zero.
 */
final class Recurrence {
  /** So few steps are faster one after the other. */
  private static final int FEW = 8;

  private Recurrence() {}

  /**
   * Every state, the initial one first.
   *
   * @param keep [batch, steps, slots, 1]
   * @param update [batch, steps, slots, dim]
   * @param initial [batch, slots, dim]
   * @return [batch, steps + 1, slots, dim]
   */
  static Tensor states(Tensor keep, Tensor update, Tensor initial) {
    Tensor start = initial.unsqueeze(1);
    return Tensors.cat(1, start, after(keep, update, start));
  }

  /** The state after each step. */
  private static Tensor after(Tensor keep, Tensor update, Tensor start) {
    long steps = update.size(1);
    if (steps <= FEW) {
      return oneByOne(keep, update, start);
    }
    Tensor evenKeep = Tensors.every(keep, 1, 0, 2);
    Tensor oddKeep = Tensors.every(keep, 1, 1, 2);
    Tensor evenUpdate = Tensors.every(update, 1, 0, 2);
    Tensor oddUpdate = Tensors.every(update, 1, 1, 2);
    long odds = steps / 2;
    long evens = steps - odds;

    Tensor joinedKeep = Tensors.slice(evenKeep, 1, 0, odds).mul(oddKeep);
    Tensor joinedUpdate = oddUpdate.addcmul(oddKeep, Tensors.slice(evenUpdate, 1, 0, odds));
    Tensor odd = after(joinedKeep, joinedUpdate, start);
    Tensor beforeEven = Tensors.cat(1, start, Tensors.slice(odd, 1, 0, evens - 1));
    Tensor even = evenUpdate.addcmul(evenKeep, beforeEven);
    Tensor interleaved = Tensors.stack(2, even, Tensors.pad(odd, 1, 0, evens - odds));
    return Tensors.slice(interleaved.flatten(1, 2), 1, 0, steps);
  }

  private static Tensor oneByOne(Tensor keep, Tensor update, Tensor start) {
    Tensor[] states = new Tensor[(int) update.size(1)];
    // Unbound and not sliced: the gradient of every slice would be as large as the whole.
    TensorVector keeps = keep.unbind(1);
    TensorVector updates = update.unbind(1);
    Tensor state = start.squeeze(1);
    for (int i = 0; i < states.length; i++) {
      state = updates.get(i).addcmul(keeps.get(i), state);
      states[i] = state;
    }
    return Tensors.stack(1, states);
  }
}
