package dev.hydra.mixer.attention;

import dev.hydra.api.StateCache;
import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Attention of one more token of each of several texts to keys that stay where they are, in the
 * slots of {@link KeySlots}. The token's own key and value are written first, in place.
 *
 * @param pattern what the tokens see
 * @param attention scale and bound of the scores
 */
record DecodingAttention(SparsePattern pattern, DenseAttention attention) {
  /** The slots of keys and values, and which of them are seen. */
  private record Part(Tensor keys, Tensor values, Tensor seen) {}

  /**
   * Attends.
   *
   * @param added queries, keys and values of the tokens, [rows, 1, ...]
   * @param rotation by which queries and keys are still to be turned
   * @return [rows, 1, heads, headDim]
   */
  Tensor attend(Qkv added, Optional<Rotation> rotation, StateCache cache) {
    return DecodingKernels.of(pattern, attention, added, cache)
        .map(kernels -> kernels.attend(added, rotation, cache))
        .orElseGet(
            () -> {
              Qkv turned = rotation.map(added::turned).orElse(added);
              return RowAttention.of(pattern, attention, turned, cache)
                  .map(rows -> rows.attend(turned, cache))
                  .orElseGet(() -> plain(turned, cache));
            });
  }

  /**
   * Attends to all texts together by LibTorch's operators; what each sees is known on the device.
   */
  Tensor plain(Qkv added, StateCache cache) {
    Tensor positions = cache.positions(added.q());
    for (String name : List.of(KeptKeys.KEYS, KeptKeys.VALUES)) {
      Tensor recent = cache.get(name).orElseThrow();
      cache.get(KeySlots.globalName(name)).ifPresent(to -> keep(recent, to, positions, cache));
      Tensor token = name.equals(KeptKeys.KEYS) ? added.k() : added.v();
      write(recent, Positions.modulo(positions, recent.size(1)), token.squeeze(1));
    }
    List<Part> parts = new ArrayList<>();
    if (pattern.hasGlobals() && anyBeyondWindow(cache)) {
      Tensor newest = Positions.over(Positions.plus(positions, -pattern.window()), pattern.every());
      part(KeySlots.globalName(KeptKeys.KEYS), KeySlots.globalName(KeptKeys.VALUES), newest, cache)
          .ifPresent(parts::add);
    }
    parts.add(part(KeptKeys.KEYS, KeptKeys.VALUES, positions, cache).orElseThrow());
    return attention.forward(joined(added.q(), parts), seen(parts, cache)).out();
  }

  /** Whether some row is, or may be, past its first window. */
  private boolean anyBeyondWindow(StateCache cache) {
    return cache
        .known()
        .map(each -> Arrays.stream(each).anyMatch(position -> position >= pattern.window()))
        .orElse(true);
  }

  /** Slots up to a number that each row has. */
  private static Optional<Part> part(String keys, String values, Tensor newest, StateCache cache) {
    return cache
        .get(keys)
        .map(
            all -> {
              Tensor slots = Tensors.range(0, all.size(1), all);
              return new Part(all, cache.get(values).orElseThrow(), newest.unsqueeze(1).ge(slots));
            });
  }

  private static Qkv joined(Tensor q, List<Part> parts) {
    return parts.size() == 1
        ? new Qkv(q, parts.get(0).keys, parts.get(0).values)
        : new Qkv(
            q,
            Tensors.cat(1, parts.stream().map(Part::keys).toArray(Tensor[]::new)),
            Tensors.cat(1, parts.stream().map(Part::values).toArray(Tensor[]::new)));
  }

  private static Tensor seen(List<Part> parts, StateCache cache) {
    Tensor seen =
        parts.size() == 1
            ? parts.get(0).seen
            : Tensors.cat(1, parts.stream().map(Part::seen).toArray(Tensor[]::new));
    return cache
        .get(KeptKeys.PADDING) // all slots are of the window then
        .map(
            padding ->
                seen.logical_and(Tensors.range(0, seen.size(1), seen).ge(padding.unsqueeze(1))))
        .orElse(seen)
        .unsqueeze(1);
  }

  /** Keeps the key, or value, that is about to leave the window, if it is strided. */
  private void keep(Tensor recent, Tensor globals, Tensor positions, StateCache cache) {
    boolean none =
        cache
            .known()
            .map(each -> Arrays.stream(each).noneMatch(this::leavesGlobal))
            .orElse(globals.size(1) == 0);
    if (none) {
      return;
    }
    Tensor leaving = Positions.plus(positions, -pattern.window());
    Tensor number = Positions.over(leaving, pattern.every());
    Tensor due =
        Positions.from(leaving, 0)
            .logical_and(Positions.below(Positions.modulo(leaving, pattern.every()), 1));
    Tensor slot;
    if (pattern.globals() == 0) {
      due = due.logical_and(Positions.below(number, 1));
      slot = torch.zeros_like(number);
    } else {
      Tensor cycle = Positions.plus(number, -1);
      slot = Positions.plus(Positions.modulo(cycle, pattern.globals()), 1);
      slot = torch.where(Positions.below(number, 1), torch.zeros_like(slot), slot);
    }
    slot = Positions.atMost(slot, globals.size(1) - 1);
    Tensor before = read(globals, slot);
    Tensor moved = read(recent, Positions.modulo(positions, recent.size(1)));
    write(globals, slot, torch.where(due.view(-1, 1, 1), moved, before));
  }

  private boolean leavesGlobal(long position) {
    long leaving = position - pattern.window();
    return leaving >= 0
        && leaving % pattern.every() == 0
        && (pattern.globals() > 0 || leaving == 0);
  }

  /** One entry of each row: [rows, kvHeads, headDim]. */
  private static Tensor read(Tensor slots, Tensor index) {
    return slots.view(-1, slots.size(2), slots.size(3)).index_select(0, flat(slots, index));
  }

  private static void write(Tensor slots, Tensor index, Tensor entries) {
    slots.view(-1, slots.size(2), slots.size(3)).index_copy_(0, flat(slots, index), entries);
  }

  private static Tensor flat(Tensor slots, Tensor index) {
    return Tensors.mul(Tensors.range(0, slots.size(0), slots), slots.size(1)).add(index);
  }
}
