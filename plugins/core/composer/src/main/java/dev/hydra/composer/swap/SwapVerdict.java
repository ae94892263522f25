package dev.hydra.composer.swap;

/**
 * What became of a swap that was put in place, when nothing can be rolled back any more.
 *
 * @param stays whether it stays; otherwise it was rolled back
 * @param reason why, in words
 * @param step the owner's step at whose boundary that was decided
 */
public record SwapVerdict(boolean stays, String reason, long step) {}
