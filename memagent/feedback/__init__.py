"""Learning from feedback: lessons from corrections, their recheck, and the rate limit."""

from memagent.feedback.rate_limit import RateLimit
from memagent.feedback.reflection import reflect
from memagent.feedback.request import FeedbackRequest, feedback_of

__all__ = ["FeedbackRequest", "RateLimit", "feedback_of", "reflect"]
