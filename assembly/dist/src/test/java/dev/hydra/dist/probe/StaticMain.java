package dev.hydra.dist.probe;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.HydraPlugin;
import dev.hydra.tck.Check;
import dev.hydra.tck.Conformance;
import java.util.ServiceLoader;

/** Finds the plugins of the module path and runs the conformance checks on one of them. */
public final class StaticMain {
  private StaticMain() {}

  /** Prints type and module of every factory, then checks the type named by the argument. */
  @SuppressWarnings("rawtypes") // a service type has no parameters
  public static void main(String[] arguments) {
    for (ComponentFactory factory : ServiceLoader.load(ComponentFactory.class)) {
      String type = factory.getClass().getAnnotation(HydraPlugin.class).value();
      System.out.println(type + " " + factory.getClass().getModule().getName());
      if (type.equals(arguments[0])) {
        Conformance.of(factory).tests().forEach(Check::run);
        System.out.println("conforms");
      }
    }
  }
}
