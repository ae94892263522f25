package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.LibTorchException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.PointerConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * The calls of custom functions that wait in LibTorch's graphs.
 *
 * <p>LibTorch's references to Java objects are weak; without the strong ones here a garbage
 * collection before backward would take the hooks. A call stays until LibTorch frees its {@link
 * #token}, which a graph node saves like an operator saves an input: so it lives exactly as long as
 * the graph needs it. The map is static because graphs, not objects, decide how long it is needed.
 */
public final class LiveCalls {
  private static final Map<Long, RecordedCall> CALLS = new ConcurrentHashMap<>();
  private static final AtomicLong LAST_ID = new AtomicLong();
  private static final Pattern REFERENCE = Pattern.compile("Java call #(\\d+):");
  private static final PointerConsumer LET_GO = new LetGo();

  static {
    LET_GO.retainReference(); // this class may be loaded inside a scope
  }

  private LiveCalls() {}

  /** Returns an id that no other call of the process has. */
  static long nextId() {
    return LAST_ID.incrementAndGet();
  }

  /** Keeps a call and makes the empty tensor whose end of life releases it. */
  static Tensor token(RecordedCall call) {
    CALLS.put(call.id, call);
    return torch.from_blob(new Token(call.id), new long[] {0}, LET_GO);
  }

  /** Returns the number of calls that wait. */
  public static int count() {
    return CALLS.size();
  }

  /**
   * Makes what a failed call throws into LibTorch, which passes on the text only, not the
   * exception.
   */
  static RuntimeException referringTo(RecordedCall call, LibTorchException failure) {
    return new IllegalStateException("Java call #%d: %s".formatted(call.id, failure.getMessage()));
  }

  /** Finds the failure that an exception from LibTorch refers to, if it does. */
  static Optional<LibTorchException> failureBehind(RuntimeException thrown) {
    Matcher matcher = REFERENCE.matcher(String.valueOf(thrown.getMessage()));
    return matcher.find()
        ? Optional.ofNullable(CALLS.get(Long.parseLong(matcher.group(1))))
            .flatMap(RecordedCall::failure)
        : Optional.empty();
  }

  /** Carries a call's id through LibTorch as the address of no data. */
  private static final class Token extends Pointer {
    Token(long id) {
      address = id;
    }
  }

  private static final class LetGo extends PointerConsumer {
    @Override
    public void call(Pointer token) {
      @Nullable RecordedCall call = CALLS.remove(token.address());
      if (call != null) {
        call.context.release();
      }
    }
  }
}
