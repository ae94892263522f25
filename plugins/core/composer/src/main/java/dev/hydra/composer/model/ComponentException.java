package dev.hydra.composer.model;

import dev.hydra.api.Registration;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.LibTorchException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Says that a component threw something: its type, plugin and site, where in its code, and the
 * operator of LibTorch, if one refused. The message has no native stack trace; the cause has it
 * all.
 */
public final class ComponentException extends IllegalStateException {
  private static final long serialVersionUID = 1;
  private static final String LIBTORCH = "org.bytedeco.";

  /** Code that a component stands on; its own is above. */
  private static final List<String> BELOW =
      List.of(LIBTORCH, "dev.hydra.libtorch.", "java.", "jdk.");

  private final transient SitePath site;

  private final String problem;

  private ComponentException(
      Registration component, SitePath site, String problem, Throwable cause) {
    super(
        "component "
            + component.type()
            + " ("
            + component.plugin()
            + ") at "
            + site
            + " "
            + problem,
        cause);
    this.site = site;
    this.problem = problem;
  }

  /** Returns the message without what names the component, continuing "it". */
  public String problem() {
    return problem;
  }

  /** Returns the site of the component. */
  public SitePath site() {
    return site;
  }

  /** Returns the exception for what a component threw while it ran. */
  static ComponentException running(Registration component, SitePath site, Throwable thrown) {
    StackTraceElement[] trace = thrown.getStackTrace();
    String where = own(trace).map(frame -> " in " + frame).orElse("");
    return new ComponentException(
        component, site, "failed" + where + operator(trace) + ": " + readable(thrown), thrown);
  }

  /** Returns the exception for what a factory threw. */
  static ComponentException creating(Registration component, SitePath site, Throwable thrown) {
    return new ComponentException(
        component, site, "cannot be created: " + readable(thrown), thrown);
  }

  private static Optional<String> own(StackTraceElement[] trace) {
    return Arrays.stream(trace)
        .filter(frame -> BELOW.stream().noneMatch(frame.getClassName()::startsWith))
        .findFirst()
        .map(ComponentException::place);
  }

  private static String place(StackTraceElement frame) {
    String type = frame.getClassName();
    return type.substring(type.lastIndexOf('.') + 1)
        + "."
        + frame.getMethodName()
        + " ("
        + frame.getFileName()
        + ":"
        + frame.getLineNumber()
        + ")";
  }

  private static String operator(StackTraceElement[] trace) {
    return trace.length > 0 && trace[0].getClassName().startsWith(LIBTORCH)
        ? ", operator " + trace[0].getMethodName()
        : "";
  }

  /** What LibTorch throws is known by its text alone, everything else by its type, too. */
  private static String readable(Throwable thrown) {
    String text = LibTorchException.readable(thrown);
    String type = thrown.getClass().getName();
    boolean plain =
        thrown instanceof LibTorchException
            || thrown instanceof ComponentException
            || thrown.getClass().equals(RuntimeException.class)
            || text.equals(thrown.getClass().getSimpleName());
    return plain ? text : type + ": " + text;
  }
}
