package dev.hydra.composer.swap;

import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.composer.spec.SitePath;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The outcome of a {@link SwapRequest}. It holds texts and numbers only, nothing of a plugin.
 *
 * @param request what was asked for, in words
 * @param status how it ended
 * @param reason why it was refused or rolled back; empty otherwise
 * @param step the owner's step at whose boundary it happened; of what did not get there, the last
 *     one before
 * @param sites which sites changed, nested ones not listed
 * @param parameters what became of their parameters
 * @param pauseNanos how long the model stood still
 * @param totalNanos from the request to its end
 * @param guard how long a swap that is in place is watched; empty if it is not
 */
public record SwapReport(
    String request,
    Status status,
    String reason,
    long step,
    List<Site> sites,
    Parameters parameters,
    long pauseNanos,
    long totalNanos,
    Optional<Guard> guard) {
  /** The status with which a request ended. */
  public enum Status {
    /** Built and probed, and nothing more was asked for. */
    PREPARED,
    /** In place. */
    SWITCHED,
    /** Not in place; the model is as it was. */
    REFUSED,
    /** Rolled back. */
    ROLLED_BACK
  }

  /**
   * The component at a site, before and after.
   *
   * @param path the site
   * @param from the component before
   * @param to the component after
   * @param changes the options whose values differ
   */
  public record Site(SitePath path, Version from, Version to, List<OptionChange> changes) {
    /** Returns the change back. */
    Site reversed() {
      return new Site(path, to, from, changes.stream().map(OptionChange::reversed).toList());
    }
  }

  /**
   * An option of a component, before and after.
   *
   * @param option its name, such as {@code state} or {@code router.top-k}
   * @param from the value before, as it is written
   * @param to the value after
   */
  public record OptionChange(String option, String from, String to) {
    OptionChange reversed() {
      return new OptionChange(option, to, from);
    }

    @Override
    public String toString() {
      return option + " " + from + " -> " + to;
    }
  }

  /**
   * How long a swap is watched, and can be rolled back: until both are over.
   *
   * @param steps steps of the owner
   * @param time time from the swap on
   */
  public record Guard(int steps, Duration time) {}

  /**
   * A component type of a plugin.
   *
   * @param type its type
   * @param plugin the version of the plugin that it comes from
   */
  public record Version(String type, PluginId plugin) {
    /** Returns the version of a registered component type. */
    static Version of(Registration registration) {
      return new Version(registration.type(), registration.plugin());
    }

    @Override
    public String toString() {
      return type + " (" + plugin + ")";
    }
  }

  /**
   * The names of parameters, by what became of them.
   *
   * @param carried those that go on with their values
   * @param migrated those whose values a migration made
   * @param initialised those that are new
   * @param dropped those that are gone from the model
   * @param kept those that stay without use
   */
  public record Parameters(
      List<String> carried,
      List<String> migrated,
      List<String> initialised,
      List<String> dropped,
      List<String> kept) {
    /** No parameters at all. */
    public static final Parameters NONE =
        new Parameters(List.of(), List.of(), List.of(), List.of(), List.of());
  }

  /** Says whether the model changed as requested. */
  public boolean switched() {
    return status == Status.SWITCHED;
  }

  /** Returns this report with the status, step and times of the end. */
  SwapReport at(Status newStatus, long newStep, long newPause, long newTotal) {
    return new SwapReport(
        request, newStatus, reason, newStep, sites, parameters, newPause, newTotal, guard);
  }

  /** Returns this report of a swap that is watched so long. */
  SwapReport guarded(Optional<Guard> watched) {
    return new SwapReport(
        request, status, reason, step, sites, parameters, pauseNanos, totalNanos, watched);
  }

  /** Reports the rollback of this swap. */
  SwapReport rolledBack(String why, long newStep, long newPause, long newTotal) {
    return new SwapReport(
        "rollback",
        Status.ROLLED_BACK,
        why,
        newStep,
        sites.stream().map(Site::reversed).toList(),
        Parameters.NONE,
        newPause,
        newTotal,
        Optional.empty());
  }

  /** Reports a refusal, in which no site changed. */
  static SwapReport refused(String request, String reason, long step, long totalNanos) {
    return new SwapReport(
        request,
        Status.REFUSED,
        reason,
        step,
        List.of(),
        Parameters.NONE,
        0,
        totalNanos,
        Optional.empty());
  }
}
