package dev.hydra.libtorch.graphs;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/**
 * Streams on which parts of a computation that do not need each other run beside each other: where
 * it is captured, they are branches of the graph. Kernels that do not fill the device share it, and
 * one branch computes while another waits for its next kernel. The bits are those of one stream.
 *
 * <p>LibTorch hands memory that is freed to whoever asks next on the stream that it was taken on,
 * and knows nothing of other streams. That is safe here without waiting, as long as gradients are
 * not recorded, which would keep tensors until a time of their own:
 *
 * <ul>
 *   <li>What the trunk made and a branch reads is not freed before the branches have joined: the
 *       trunk is given nothing but its own part meanwhile, and what parts read belongs to a scope
 *       round {@link #beside}.
 *   <li>What a branch made and the trunk reads is freed after the trunk was given its readers, and
 *       the branch is given nothing more until it forks again, which orders it after them.
 *   <li>What a branch made for other branches, too, is {@linkplain #publish published} and lives
 *       until they have joined.
 * </ul>
 */
public final class Branches implements AutoCloseable {
  private static final boolean WANTED =
      Boolean.parseBoolean(System.getProperty("hydra.graphs.branches", "true"));

  /** Those that the thread's work may fork to. */
  private static final ThreadLocal<Branches> OPEN = new ThreadLocal<>();

  private final Device device;
  private final SideStream trunk;

  /** Kept from fork to fork, as cuBLAS sets itself up on each, which cannot be captured. */
  private final List<SideStream> sides = new ArrayList<>();

  /** The streams of the parts that run now, trunk included. */
  private List<SideStream> forked = List.of();

  /** Takes a stream that is to fork; those that it forks to are taken when they are needed. */
  Branches(Device device) {
    this.device = device;
    this.trunk = new SideStream(device);
  }

  /** The stream that forks, and to which branches join. */
  SideStream trunk() {
    return trunk;
  }

  /** Runs work on the trunk that may fork; it records no gradient. */
  <T> T call(Supplier<T> work) {
    return trunk.call(
        () -> {
          OPEN.set(this);
          try {
            return work.get();
          } finally {
            OPEN.remove();
          }
        });
  }

  /**
   * Runs parts of a computation beside each other if this thread's work may fork, as that of a
   * {@link CapturedForward} may. If not, a part runs when its result is asked for.
   *
   * @param parts none needs what another makes, but for what is {@linkplain #publish published};
   *     what they read is kept by a scope round this call
   * @return their results, each to be asked for once
   */
  public static List<Supplier<Tensor>> beside(List<Supplier<Tensor>> parts) {
    Branches open = OPEN.get();
    boolean forks = WANTED && open != null && open.forked.isEmpty() && parts.size() > 1;
    return forks ? open.fork(parts) : parts;
  }

  /**
   * Says that what this thread has just made is for all parts that run now: the others go on after
   * it.
   */
  public static void publish() {
    Branches open = OPEN.get();
    if (open != null) {
      open.forked.forEach(SideStream::follow);
    }
  }

  private List<Supplier<Tensor>> fork(List<Supplier<Tensor>> parts) {
    while (sides.size() < parts.size() - 1) {
      sides.add(new SideStream(device));
    }
    List<SideStream> others = sides.subList(0, parts.size() - 1);
    others.forEach(SideStream::follow);
    forked = new ArrayList<>(others);
    forked.add(0, trunk);
    try {
      List<Supplier<Tensor>> results = new ArrayList<>();
      for (int i = 0; i < parts.size(); i++) {
        Tensor result = forked.get(i).run(parts.get(i));
        results.add(() -> result);
      }
      others.forEach(SideStream::lead);
      return results;
    } catch (RuntimeException | Error e) {
      leave(others, e);
      throw e;
    } finally {
      forked = List.of();
    }
  }

  /** Joins although a part has failed, whose failure may have ended the capture of all streams. */
  private static void leave(List<SideStream> others, Throwable failure) {
    for (SideStream other : others) {
      try {
        other.lead();
      } catch (CudaException e) {
        failure.addSuppressed(e);
      }
    }
  }

  /** Gives the streams back: who asks next gets them in the order in which these were got. */
  @Override
  public void close() {
    Collections.reverse(sides);
    sides.forEach(SideStream::close);
    trunk.close();
  }
}
