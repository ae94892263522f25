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
                      action.run();
                      yield null;
                    }
                    case "equals" -> proxy == arguments[0];
                    case "hashCode" -> System.identityHashCode(proxy);
                    default -> "handler of SIG" + name;
                  });
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), ours);
      return Optional.empty();
    } catch (InvocationTargetException e) {
      return Optional.of(String.valueOf(e.getCause())); // the JVM has a use for it
    } catch (ReflectiveOperationException e) {
      return Optional.of(e.toString());
    }
  }
}
