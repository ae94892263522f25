package dev.hydra.dist.probe;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.tck.Check;
import dev.hydra.tck.Conformance;

/** Finds the plugins of the module path and runs the conformance checks on one of them. */
public final class StaticMain {
  private StaticMain() {}

  /** Prints type and module of every factory, then checks the type named by the argument. */
  public static void main(String[] arguments) {
    PluginRegistry plugins = PluginRegistry.load(loader(), System.out::println);
    for (Registration each : plugins.all()) {
      System.out.println(each.type() + " " + each.plugin().name());
      if (each.type().equals(arguments[0])) {
        Conformance.of(each.as(ComponentFactory.class)).tests().forEach(Check::run);
        System.out.println("conforms");
      }
    }
  }

  private static ClassLoader loader() {
    return ClassLoader.getSystemClassLoader();
  }
}
