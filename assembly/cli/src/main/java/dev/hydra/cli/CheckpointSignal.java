package dev.hydra.cli;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Takes SIGUSR1 as a request, as schedulers send it some time before they end a job; without this
 * it would end the process.
 *
 * <p>Java has no other way to hear signals than {@code sun.misc.Signal}, of the module {@code
 * jdk.unsupported}. It is reached by reflection, as not every Java must have it and the compiler
 * cannot be told that it is meant.
 */
final class CheckpointSignal implements AutoCloseable {
  private static final String NAME = "USR1";

  private volatile @Nullable Runnable action;

  /**
   * Begins to take the signal; until {@link #asksFor} is called it does nothing.
   *
   * @param problem is told if this Java leaves the signal to nobody
   */
  CheckpointSignal(Consumer<String> problem) {
    try {
      ClassLoader platform = ClassLoader.getPlatformClassLoader(); // bundles do not see sun.misc
      Class<?> signal = platform.loadClass("sun.misc.Signal");
      Class<?> handler = platform.loadClass("sun.misc.SignalHandler");
      Object ours =
          Proxy.newProxyInstance(
              platform,
              new Class<?>[] {handler},
              (proxy, method, arguments) ->
                  switch (method.getName()) {
                    case "handle" -> {
                      requested();
                      yield null;
                    }
                    case "equals" -> proxy == arguments[0];
                    case "hashCode" -> System.identityHashCode(proxy);
                    default -> "checkpoint at SIG" + NAME;
                  });
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(NAME), ours);
    } catch (InvocationTargetException e) {
      problem.accept(
          "SIG" + NAME + " will end this run: " + e.getCause()); // the JVM has a use for it
    } catch (ReflectiveOperationException e) {
      problem.accept("SIG" + NAME + " will end this run: " + e);
    }
  }

  private void requested() {
    Runnable request = action;
    if (request != null) {
      request.run();
    }
  }

  /** Says what the signal asks for; on a thread of its own. */
  void asksFor(Runnable request) {
    action = request;
  }

  /** The signal does nothing from now on. */
  @Override
  public void close() {
    action = null;
  }
}
