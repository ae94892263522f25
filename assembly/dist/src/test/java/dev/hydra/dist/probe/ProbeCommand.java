package dev.hydra.dist.probe;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.host.CommandLine;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceObjects;
import org.osgi.framework.ServiceReference;

/** A bundle that takes the command line's place and tells the tests what it sees. */
public final class ProbeCommand implements BundleActivator {
  @Override
  public void start(BundleContext context) {
    CommandLine command = arguments -> run(context, List.of(arguments));
    Map<String, Object> first = Map.of(Constants.SERVICE_RANKING, 1000);
    context.registerService(CommandLine.class, command, FrameworkUtil.asDictionary(first));
  }

  private static int run(BundleContext context, List<String> arguments) {
    return switch (arguments.isEmpty() ? "" : arguments.get(0)) {
      case "factories" -> factories(context);
      case "exit" -> Integer.parseInt(arguments.get(1));
      case "wait" -> waitForEver();
      case "throw" -> throw new IllegalStateException("thrown by the command");
      case "libtorch" -> libtorch();
      case "properties" -> properties(arguments.subList(1, arguments.size()));
      default -> {
        arguments.forEach(argument -> System.out.println("[" + argument + "]"));
        yield 0;
      }
    };
  }

  /** Prints type, plugin, version and class of every factory. */
  private static int factories(BundleContext context) {
    try {
      String name = HydraPlugin.SERVICE;
      ServiceReference<?>[] found = context.getServiceReferences(name, null);
      Stream.ofNullable(found)
          .flatMap(Arrays::stream)
          .map(reference -> describe(reference, context.getServiceObjects(reference)))
          .sorted()
          .forEach(System.out::println);
      return 0;
    } catch (InvalidSyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static String describe(ServiceReference<?> reference, ServiceObjects<?> services) {
    Object one = services.getService();
    Object other = services.getService();
    return String.join(
        " ",
        String.valueOf(reference.getProperty("hydra.type")),
        String.valueOf(reference.getProperty("hydra.bundle")),
        String.valueOf(reference.getProperty("hydra.version")),
        one == null ? "unusable" : one == other ? "shared" : one.getClass().getName());
  }

  private static int waitForEver() {
    System.out.println("waiting");
    System.out.flush();
    try {
      Thread.sleep(Long.MAX_VALUE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }

  private static int libtorch() {
    try (PointerScope scope = new PointerScope()) {
      System.out.println("sum " + torch.ones(2, 3).sum().item_double());
      return 0;
    }
  }

  private static int properties(List<String> names) {
    names.forEach(name -> System.out.println(name + "=" + System.getProperty(name)));
    return 0;
  }

  @Override
  public void stop(BundleContext context) {
    System.out.println("stopped");
  }
}
