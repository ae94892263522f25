package dev.hydra.cli;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Optional;

/**
 * Hears signals of the operating system.
 *
 * <p>Java has no other way to hear signals than {@code sun.misc.Signal}, of the module {@code
 * jdk.unsupported}. It is reached by reflection, as not every Java must have it and the compiler
 * cannot be told that it is meant.
 */
final class ProcessSignal {
  private static final String HANDLER = "sun.misc.SignalHandler";

  /** Bundles do not see sun.misc. */
  private static final ClassLoader PLATFORM = ClassLoader.getPlatformClassLoader();

  private ProcessSignal() {}

  /**
   * Runs an action whenever a signal comes, on a thread of its own, in place of what the signal
   * does otherwise.
   *
   * @param name such as {@code INT}
   * @return why this Java leaves the signal to nobody, if it does
   */
  static Optional<String> handle(String name, Runnable action) {
    try {
      Object ours =
          Proxy.newProxyInstance(
              PLATFORM,
              new Class<?>[] {PLATFORM.loadClass(HANDLER)},
              (proxy, method, arguments) ->
                  switch (method.getName()) {
                    case "handle" -> {
                      action.run();
                      yield null;
                    }
                    case "equals" -> proxy == arguments[0];
                    case "hashCode" -> System.identityHashCode(proxy);
                    default -> "handler of SIG" + name;
                  });
      set(name, ours);
      return Optional.empty();
    } catch (InvocationTargetException e) {
      return Optional.of(String.valueOf(e.getCause())); // the JVM has a use for it
    } catch (ReflectiveOperationException e) {
      return Optional.of(e.toString());
    }
  }

  /**
   * Leaves a signal to the operating system: it does at once what it does to any program.
   *
   * @return whether this Java does so
   */
  static boolean release(String name) {
    try {
      set(name, PLATFORM.loadClass(HANDLER).getField("SIG_DFL").get(null));
      return true;
    } catch (ReflectiveOperationException e) {
      return false;
    }
  }

  private static void set(String name, Object handler) throws ReflectiveOperationException {
    Class<?> signal = PLATFORM.loadClass("sun.misc.Signal");
    signal
        .getMethod("handle", signal, PLATFORM.loadClass(HANDLER))
        .invoke(null, signal.getConstructor(String.class).newInstance(name), handler);
  }
}
